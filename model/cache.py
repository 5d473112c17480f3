"""Decode once: a folder's prepared images in one memory-mapped array on disk."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.image import ImagePreprocessor


def cached_images(
    paths: Sequence[Path], preprocessor: ImagePreprocessor, *, cache_dir: Path
) -> np.ndarray:
    """Prepare all images, or map those that an earlier call prepared: uint8 (N, side, side, 3).

    The cache is keyed by the files (path, size, time of change) and the preprocessing. It is
    written under another name and renamed when complete, so a killed build leaves no cache.

    Raises:
        ImageError: a file cannot be read.
    """
    file = cache_dir / f"images-{_key(paths, preprocessor)}.npy"
    if not file.exists():
        _build(paths, preprocessor, file)
    return np.load(file, mmap_mode="r")


def _build(paths: Sequence[Path], preprocessor: ImagePreprocessor, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    shape = (len(paths), preprocessor.side, preprocessor.side, 3)
    try:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        with ThreadPoolExecutor() as pool:
            prepared = pool.map(preprocessor.load, paths)
            for row, image in enumerate(tqdm(prepared, total=len(paths), desc="Preparing images")):
                array[row] = image
        array.flush()
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _key(paths: Sequence[Path], preprocessor: ImagePreprocessor) -> str:
    digest = hashlib.sha256(json.dumps(asdict(preprocessor), sort_keys=True).encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
