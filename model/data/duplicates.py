"""Finding the same photograph under two names.

Identical pixels are found by a hash of the decoded image. Near duplicates (the same photograph
saved, scaled or recoloured anew) are found by a perceptual hash (DCT of the brightness, 16 x 16
bits) of the photograph without its black border.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from model.data.cache import cached_file
from model.errors import ImageError
from model.image import bright_box, read_image

HASH_SIDE = 16
NEAR_BITS = 28
"""Of 256 bits. Among the ISIC 2019 images every pair of lesions that was seen by eye to share a
photograph differs in at most this many, and few others do."""

_CHUNK = 2_000  # rows compared at a time: 2,000 x 25,331 float32 take 200 MB


def photograph_hash(path: Path) -> tuple[str, np.ndarray]:
    """Hash one file: SHA-256 of size and pixels, and 256 perceptual bits (bool).

    Raises:
        ImageError: the file cannot be read.
    """
    import imagehash  # brings SciPy, which most commands do without

    image = read_image(path)
    exact = hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()
    inside = image.crop(bright_box(image))
    return exact, imagehash.phash(inside, hash_size=HASH_SIDE).hash.ravel()


def photograph_hashes(
    paths: Sequence[Path], *, cache_dir: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Hash many files: SHA-256 as text (N,), and perceptual bits, bool (N, 256).

    ``cache_dir`` keeps them, until a file changes.

    Raises:
        ImageError: naming all files that cannot be read, one a line.
    """
    if cache_dir is None:
        return _hash_all(paths)

    def write(partial: Path) -> None:
        exact, bits = _hash_all(paths)
        with partial.open("wb") as out:
            np.savez(out, exact=exact, bits=bits)

    file = cached_file("hashes.npz", paths, {"side": HASH_SIDE}, write, cache_dir=cache_dir)
    with np.load(file) as saved:
        return saved["exact"], saved["bits"]


def duplicate_pairs(
    paths: Sequence[Path], *, near_bits: int = NEAR_BITS, cache_dir: Path | None = None
) -> np.ndarray:
    """Find pairs of duplicate photographs among files: int, shape (pairs, 3).

    Each row holds two positions in ``paths``, the smaller first, and the number of differing bits;
    -1 stands for identical pixels. Hashes are kept in ``cache_dir``. A photograph that was turned
    or mirrored is not recognized.
    """
    hashes, bits = photograph_hashes(paths, cache_dir=cache_dir)
    exact = np.unique(hashes, return_inverse=True)[1]
    signs = bits.astype(np.float32) * 2 - 1
    found = [_near_pairs(signs, start, near_bits) for start in range(0, len(signs), _CHUNK)]
    pairs = np.concatenate(found)
    pairs[exact[pairs[:, 0]] == exact[pairs[:, 1]], 2] = -1
    return pairs


def lesion_groups(
    lesions: Sequence[str], pairs: np.ndarray, patients: Sequence[object] | None = None
) -> np.ndarray:
    """Number the groups of images that must stay on one side of a split: int, shape (N,).

    Images are in one group when they share a lesion or a patient or are duplicates, also by way of
    others. A patient that is no text is unknown.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = [pairs[:, :2], _shared(lesions)]
    if patients is not None:
        known = (p if isinstance(p, str) else number for number, p in enumerate(patients))
        links.append(_shared([repr(patient) for patient in known]))
    rows, columns = np.concatenate(links).T
    count = len(lesions)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _shared(names: Sequence[str]) -> np.ndarray:
    """Each position with the first one of the same name: int, shape (N, 2)."""
    _, first, inverse = np.unique(np.asarray(names, str), return_index=True, return_inverse=True)
    return np.stack([np.arange(len(names)), first[inverse]], axis=1)


def groups_of(table: pd.DataFrame, *, cache_dir: Path | None = None) -> np.ndarray:
    """:func:`lesion_groups` of the images of :func:`model.data.dataset.read_folder`'s table."""
    pairs = duplicate_pairs(table["path"].tolist(), cache_dir=cache_dir)
    patients = table["patient_id"].tolist() if "patient_id" in table else None
    return lesion_groups(table["lesion_id"].tolist(), pairs, patients)


def _hash_or_error(path: Path) -> tuple[str, np.ndarray] | ImageError:
    try:
        return photograph_hash(path)
    except ImageError as error:
        return error


def _hash_all(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    with ThreadPoolExecutor() as pool:
        progress = tqdm(pool.map(_hash_or_error, paths), total=len(paths), desc="Hashing")
        hashes = list(progress)
    errors = [str(found) for found in hashes if isinstance(found, ImageError)]
    if errors:
        raise ImageError("\n".join(errors))
    exact, bits = zip(*hashes, strict=True)
    return np.array(exact), np.stack(bits)


def _near_pairs(signs: np.ndarray, start: int, near_bits: int) -> np.ndarray:
    bits = signs.shape[1]
    distance = (bits - signs[start : start + _CHUNK] @ signs[start:].T) / 2
    left, right = np.nonzero(distance <= near_bits)
    later = right > left
    left, right = left[later], right[later]
    apart = distance[left, right].astype(int)
    return np.stack([left + start, right + start, apart], axis=1)
