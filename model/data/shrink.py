"""Full-size photographs reduced to the sizes that the shipped network learned from."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from PIL import Image
from tqdm import tqdm

from isic_api.files import whole_file
from model.data.dataset import Dataset
from model.data.tables import find_table
from model.image import read_image

LEARNED_SIZES = {"HAM": (200, 150), "BCN": (84, 84), "MSK": (256, 256)}
"""Width and height in pixels, by collection; a photograph from elsewhere keeps its size."""


def is_full_size(dataset: Dataset) -> bool:
    """Whether any photograph has more pixels than the shipped network learned from."""
    return bool(_too_large(dataset).any())


def shrink_folder(dataset: Dataset, data_dir: Path, *, out: Path) -> Path:
    """Write a data folder with every photograph at its learned size, by area averaging.

    Images that are small enough are copied. An interrupted run resumes where it stopped.

    Raises:
        ImageError: a file cannot be read as a photograph.
    """
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    for pattern in ("*GroundTruth.csv", "*Metadata.csv"):
        shutil.copy(find_table(data_dir, pattern), out)
    rows = dataset.table.assign(too_large=_too_large(dataset))
    todo = [row for row in rows.itertuples(index=False) if not _place(row, images).exists()]
    with ThreadPoolExecutor() as pool:
        written = pool.map(lambda row: _write(row, _place(row, images)), todo)
        for _ in tqdm(written, total=len(todo), desc="Reducing photographs"):
            pass
    return out


def _too_large(dataset: Dataset) -> pd.Series:
    table = dataset.table
    allowed = table["source"].map(lambda source: LEARNED_SIZES.get(source, (10**6, 10**6)))
    return (table["width"] > allowed.str[0]) & (table["height"] > allowed.str[1])


def _place(row: tuple, images: Path) -> Path:
    return images / (f"{row.image}.jpg" if row.too_large else row.path.name)


def _write(row: tuple, place: Path) -> None:
    with whole_file(place) as partial:
        if row.too_large:
            size = LEARNED_SIZES[row.source]
            small = read_image(row.path).resize(size, Image.Resampling.BOX)
            small.save(partial, "JPEG", quality=95)
        else:
            shutil.copyfile(row.path, partial)
