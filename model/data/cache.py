"""Compute once: what is derived from image files, kept until a file changes."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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

    Raises:
        ImageError: a file cannot be read.
        DataError: the disk has no room for the array.
    """
    shape = (preprocessor.side, preprocessor.side, 3)
    return cached_squares(
        paths, preprocessor.load, shape, preprocessor.settings, cache_dir=cache_dir
    )


def cached_squares(
    paths: Sequence[Path],
    load: Callable[[Path], np.ndarray],
    shape: tuple[int, ...],
    settings: dict,
    *,
    cache_dir: Path,
) -> np.ndarray:
    """Load all files as arrays of a shape, or map those of an earlier call: uint8 (N, *shape).

    ``settings`` name what ``load`` depends on. Raises as :func:`cached_images`.
    """

    def write(partial: Path) -> None:
        _prepare(paths, load, shape, partial)

    file = cached_file("images.npy", paths, settings, write, cache_dir=cache_dir)
    return np.load(file, mmap_mode="r")


def cached_array(
    kind: str,
    paths: Sequence[Path],
    settings: dict,
    compute: Callable[[], np.ndarray],
    *,
    cache_dir: Path,
) -> np.ndarray:
    """What ``compute`` returns, as float32, or what an earlier call of this kind returned."""

    def write(partial: Path) -> None:
        with partial.open("wb") as opened:
            np.save(opened, np.asarray(compute(), np.float32))

    return np.load(cached_file(f"{kind}.npy", paths, settings, write, cache_dir=cache_dir))


def cached_file(
    name: str,
    paths: Sequence[Path],
    settings: dict,
    write: Callable[[Path], None],
    *,
    cache_dir: Path,
) -> Path:
    """The file that ``write`` derives from image files, or that an earlier call derived.

    Its name says which files (path, size, time of change) and settings it depends on. ``write``
    gets a path beside it, renamed when complete, so that a killed process leaves no broken cache.
    """
    kind = Path(name)
    file = cache_dir / f"{kind.stem}-{files_key(paths, settings)}{kind.suffix}"
    if not file.exists():
        with whole_file(file) as partial:
            write(partial)
    return file


def files_key(paths: Sequence[Path], settings: dict) -> str:
    """Name what is derived from files: it changes with any file's path, size or time of change."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _prepare(
    paths: Sequence[Path],
    load: Callable[[Path], np.ndarray],
    shape: tuple[int, ...],
    file: Path,
) -> None:
    shape = (len(paths), *shape)
    _require_room(file.parent, int(np.prod(shape)))
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)

    def prepare(row: int) -> None:
        # Workers write their rows themselves: no finished image waits in memory.
        array[row] = load(paths[row])

    with ThreadPoolExecutor() as pool:
        rows = pool.map(prepare, range(len(paths)))
        list(tqdm(rows, total=len(paths), desc="Preparing images", unit="image"))
    array.flush()


def _require_room(folder: Path, needed: int) -> None:
    """Check the space first: a memory map on a full disk kills the process without a message."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder} has {free / 1e9:.1f} GB free, but the prepared images take "
            f"{needed / 1e9:.1f} GB. Name another folder with --cache, or free some space."
        )
