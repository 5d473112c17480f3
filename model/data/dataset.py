"""Reading a data folder in the layout of the ISIC 2019 challenge into one table.

    DIR/images/*.jpg       or the challenge's own DIR/ISIC_2019_Training_Input/*.jpg
    DIR/*GroundTruth.csv   image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC[,UNK]
    DIR/*Metadata.csv      image,age_approx,anatom_site_general,lesion_id,sex

``isic_api download`` writes the same layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS, archive_id, is_image_id
from model.data.tables import find_table, name_rows, name_some, read_csv
from model.diagnosis import DIAGNOSES
from model.errors import DataError, PatientError
from model.image import SUFFIXES, stored_size
from model.patient import FIELDS, Patient

SOURCES = ("HAM", "BCN", "MSK")
"""The three collections of ISIC 2019; images without a ``lesion_id`` are from MSK."""

_NUMBERS = {"MSK": (0, 16_072), "HAM": (24_306, 34_320), "BCN": (53_454, 73_254)}
"""First and last number of each collection's images in the training set of ISIC 2019."""


@dataclass(frozen=True)
class Dataset:
    """A validated data folder.

    ``table`` has one row an image, sorted by ``image``, with the columns image, lesion_id,
    age_approx (years, NaN = unknown), sex, anatom_site_general (None = unknown), diagnosis, source,
    path, width and height (pixels, as stored). An image without a ``lesion_id`` is its own lesion:
    it bears its own name there.
    """

    table: pd.DataFrame
    without_image: int  # rows of the tables that have no file, left out
    of_other_diagnosis: int  # rows labelled UNK, which the network has no class for, left out
    without_label: int = 0  # files that the ground truth does not name, left out

    def patients(self) -> list[Patient]:
        """The context of each row of the table, in its order."""
        return table_patients(self.table)


def read_folder(data_dir: Path, *, any_label: bool = False) -> Dataset:
    """Read and check a data folder.

    ``any_label`` takes every column of the ground truth as a class, not the challenge's eight.

    Raises:
        DataError: what :func:`read_tables` refuses, a file that is no image, or no image at all.
    """
    table = read_tables(data_dir, any_label=any_label)
    images_dir = images_folder(data_dir)
    paths = image_paths(images_dir)
    table["path"] = table["image"].map(paths)
    with_image = table["path"].notna()
    known = table["diagnosis"] != UNKNOWN_CLASS
    kept = table[with_image & known].reset_index(drop=True)
    if kept.empty:
        raise DataError(
            f"no row of the tables in {data_dir} has an image in {images_dir}. "
            "File names must be the table's names plus .jpg."
        )
    kept[["width", "height"]] = _sizes(kept["path"].tolist())
    return Dataset(
        kept,
        without_image=int((~with_image).sum()),
        of_other_diagnosis=int((with_image & ~known).sum()),
        without_label=len(paths) - int(with_image.sum()),
    )


def read_tables(data_dir: Path, *, any_label: bool = False) -> pd.DataFrame:
    """Read and check the two tables of a data folder, with or without its images.

    Gives one row a labelled image, sorted by ``image``, with the columns of :class:`Dataset` as far
    as ``source``; ``diagnosis`` may be UNK.

    Raises:
        DataError: a missing file, column or label, a row given twice, two labels in one row, or an
            age, sex or site outside its range or words.
    """
    truth = _read_truth(find_table(data_dir, "*GroundTruth.csv"), any_label=any_label)
    metadata = read_metadata(find_table(data_dir, "*Metadata.csv"), require=("image", "lesion_id"))
    table = truth.merge(metadata, on="image", how="left", validate="one_to_one")
    table = table.sort_values("image", ignore_index=True)
    table["source"] = list(map(image_source, table["image"], table["lesion_id"]))
    table["lesion_id"] = table["lesion_id"].fillna(table["image"])
    return table


def read_metadata(path: Path, *, require: tuple[str, ...] = ("image",)) -> pd.DataFrame:
    """Read patient context: image, then lesion_id if present, age_approx, sex and site.

    A field whose column or cell is absent is unknown.

    Raises:
        DataError: no such file, not a table, a column of ``require`` missing, an image named twice,
            or a value outside its range or words.
    """
    table = read_csv(path, require)
    for field in FIELDS:
        if field not in table:
            table[field] = None
    patients = _parse_rows(table, path.name)
    for field in FIELDS:
        table[field] = pd.Series([getattr(p, field) for p in patients], dtype=_dtype(field))
    lesion = ["lesion_id"] if "lesion_id" in table else []
    return table[["image", *lesion, *FIELDS]]


def find_patients(path: Path, images: Sequence[str]) -> list[Patient | None]:
    """Read the context of images, in their order; None for one without a row.

    A row of an image stands for the challenge's reduced copy of it, and the other way round, unless
    each has one. Raises as :func:`read_metadata`.
    """
    table = read_metadata(path)
    by_name = dict(zip(table["image"], table_patients(table), strict=True))
    by_id = {archive_id(name): patient for name, patient in by_name.items()}
    return [by_name.get(image, by_id.get(archive_id(image))) for image in images]


def table_patients(table: pd.DataFrame) -> list[Patient]:
    """The context of each row of a table that :func:`read_metadata` or ``read_folder`` checked."""
    return [Patient.parse(*values) for values in table[list(FIELDS)].itertuples(index=False)]


def images_folder(data_dir: Path) -> Path:
    """The folder of a data folder's images: ``images``, or the one that ends in ``_Input``."""
    unpacked = [path for path in sorted(data_dir.glob("*_Input")) if path.is_dir()]
    own = data_dir / "images"
    return unpacked[0] if len(unpacked) == 1 and not own.is_dir() else own


def image_paths(images_dir: Path) -> dict[str, Path]:
    """Map each image's name (the file's stem, unchanged) to its file, sorted by name.

    Raises:
        DataError: no such folder, no image in it, or two files of one name.
    """
    if not images_dir.is_dir():
        raise DataError(f"{images_dir} is not a folder. Give the folder that holds the images.")
    files = sorted(p for p in images_dir.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{images_dir} holds no image ({', '.join(SUFFIXES)}).")
    paths = {file.stem: file for file in files}
    if len(paths) < len(files):
        twice = next(file for file in files if paths[file.stem] != file)
        raise DataError(
            f"{images_dir} holds {twice.name} and {paths[twice.stem].name}: names must differ "
            "before the dot. Rename or remove one."
        )
    return paths


def image_source(image: str, lesion_id: object) -> str:
    """Tell the collection an image is from, by the prefix of its challenge ``lesion_id``.

    The Archive gives lesions names of its own (IL_0000000): there the image's number tells.
    """
    if not isinstance(lesion_id, str):
        return "MSK"
    if lesion_id[:3] in SOURCES:
        return lesion_id[:3]
    name = archive_id(image)
    number = int(name.removeprefix("ISIC_")) if is_image_id(name) else -1
    found = (source for source, (first, last) in _NUMBERS.items() if first <= number <= last)
    return next(found, "other")


def _read_truth(path: Path, *, any_label: bool) -> pd.DataFrame:
    table = read_csv(path, ("image",) if any_label else ("image", *DIAGNOSES))
    known = [name for name in table if name != "image"] if any_label else list(DIAGNOSES)
    classes = [*dict.fromkeys([*known, *({UNKNOWN_CLASS} & set(table))])]
    labels = table[classes].apply(pd.to_numeric, errors="coerce")
    wrong = (labels.sum(axis=1) != 1) | ~labels.isin([0, 1]).all(axis=1)
    if wrong.any():
        raise DataError(
            f"{path.name}, {name_rows(table, wrong)}: exactly one of {', '.join(classes)} must be "
            "1 and the others 0. Correct or remove the row."
        )
    return pd.DataFrame({"image": table["image"], "diagnosis": labels.idxmax(axis=1)})


def _parse_rows(table: pd.DataFrame, name: str) -> list[Patient]:
    patients, errors = [], {}
    for row, values in enumerate(table[list(FIELDS)].itertuples(index=False)):
        try:
            patients.append(Patient.parse(*values, names=FIELDS))
        except PatientError as error:
            errors[row] = error
    if errors:
        wrong = np.isin(np.arange(len(table)), list(errors))
        first = next(iter(errors.values()))
        raise DataError(f"{name}, {name_rows(table, wrong)}: {first}") from first
    return patients


def _sizes(paths: list[Path]) -> np.ndarray:
    """Width and height of each file: int, shape (N, 2)."""
    sizes = np.array([stored_size(path) for path in paths])
    empty = [path.name for path, size in zip(paths, sizes, strict=True) if not size.all()]
    if empty:
        raise DataError(
            f"{paths[0].parent} holds {len(empty)} files that are empty or no image: "
            f"{name_some(empty)}. Replace or remove them; rows without a file are skipped."
        )
    return sizes


def _dtype(field: str) -> str:
    return "float64" if field == "age_approx" else "object"
