"""Decode once: a folder's prepared images in one memory-mapped array on disk."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from isic_api.files import whole_file
from model.errors import DataError
from model.image import ImagePreprocessor


def cached_images(
    paths: Sequence[Path], preprocessor: ImagePreprocessor, *, cache_dir: Path
) -> np.ndarray:
    """Prepare all images, or map those that an earlier call prepared: uint8 (N, side, side, 3).

    The cache is keyed by the files (path, size, time of change) and the preprocessing. It is
    written under another name and renamed when complete, so a killed build leaves no cache.

    Raises:
        ImageError: a file cannot be read.
        DataError: the disk has no room for the array.
    """
    file = cache_dir / f"images-{files_key(paths, asdict(preprocessor))}.npy"
    if not file.exists():
        _build(paths, preprocessor, file)
    return np.load(file, mmap_mode="r")


def files_key(paths: Sequence[Path], settings: dict) -> str:
    """Name what is derived from files: it changes with any file's path, size or time of change."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _build(paths: Sequence[Path], preprocessor: ImagePreprocessor, file: Path) -> None:
    shape = (len(paths), preprocessor.side, preprocessor.side, 3)
    with whole_file(file) as partial:
        _require_room(file.parent, int(np.prod(shape)))
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)

        def prepare(row: int) -> None:
            # Workers write their rows themselves: no finished image waits in memory.
            array[row] = preprocessor.load(paths[row])

        with ThreadPoolExecutor() as pool:
            rows = pool.map(prepare, range(len(paths)))
            list(tqdm(rows, total=len(paths), desc="Preparing images", unit="image"))
        array.flush()


def _require_room(folder: Path, needed: int) -> None:
    """A memory map on a full disk would kill the process without a word."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder} has {free / 1e9:.1f} GB free, but the prepared images take "
            f"{needed / 1e9:.1f} GB. Name another folder with --cache, or free some space."
        )
