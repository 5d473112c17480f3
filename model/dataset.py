"""Reading a data folder in the layout of the ISIC 2019 challenge into one table.

    DIR/images/*.jpg
    DIR/*GroundTruth.csv   image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC[,UNK]
    DIR/*Metadata.csv      image,age_approx,anatom_site_general,lesion_id,sex

``isic_api download`` writes the same layout.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.diagnosis import DIAGNOSES
from model.errors import DataError, PatientError
from model.image import SUFFIXES
from model.patient import FIELDS, Patient

SOURCES = ("HAM", "BCN", "MSK")
"""The three collections of ISIC 2019; images without a ``lesion_id`` are from MSK."""


@dataclass(frozen=True)
class Dataset:
    """A validated data folder.

    ``table`` has one row an image, sorted by ``image``, with the columns image, lesion_id,
    age_approx (years, NaN = unknown), sex, anatom_site_general (None = unknown), diagnosis, source
    and path. An image without a ``lesion_id`` is its own lesion: it bears its own name there.
    """

    table: pd.DataFrame
    without_image: int  # rows of the tables that have no file, left out
    of_other_diagnosis: int  # rows labelled UNK, which the network has no class for, left out

    def patients(self) -> list[Patient]:
        """The context of each row of the table, in its order."""
        return table_patients(self.table)


def read_folder(data_dir: Path) -> Dataset:
    """Read and check a data folder.

    Raises:
        DataError: a missing file, column or label, a row given twice, two labels in one row, an
            age, sex or site outside its range or words, or no image at all.
    """
    truth = _read_truth(find_table(data_dir, "*GroundTruth.csv"))
    metadata = read_metadata(find_table(data_dir, "*Metadata.csv"))
    _require(metadata, ("lesion_id",), "the metadata table")
    table = truth.merge(metadata, on="image", how="left", validate="one_to_one")
    paths = image_paths(data_dir / "images")
    table["path"] = table["image"].map(paths)
    with_image = table["path"].notna()
    known = table["diagnosis"] != UNKNOWN_CLASS
    kept = table[with_image & known].sort_values("image", ignore_index=True)
    if kept.empty:
        raise DataError(
            f"no row of the tables in {data_dir} has an image in {data_dir / 'images'}. "
            "File names must be the table's names plus .jpg."
        )
    kept["source"] = [lesion_source(lesion) for lesion in kept["lesion_id"]]
    kept["lesion_id"] = kept["lesion_id"].fillna(kept["image"])
    return Dataset(kept, int((~with_image).sum()), int((with_image & ~known).sum()))


def read_metadata(path: Path) -> pd.DataFrame:
    """Read patient context: image, then lesion_id if present, age_approx, sex and site.

    A field whose column or cell is absent is unknown.

    Raises:
        DataError: no such file, not a table, no ``image`` column, an image named twice, or a value
            outside its range or words.
    """
    table = _read_csv(path)
    _require(table, ("image",), path.name)
    _refuse_repeated(table, path.name)
    for field in FIELDS:
        if field not in table:
            table[field] = None
    patients = [_parse_row(row, path.name) for row in table.itertuples(index=False)]
    for field in FIELDS:
        table[field] = pd.Series([getattr(p, field) for p in patients], dtype=_dtype(field))
    lesion = ["lesion_id"] if "lesion_id" in table else []
    return table[["image", *lesion, *FIELDS]]


def table_patients(table: pd.DataFrame) -> list[Patient]:
    """The context of each row of a table that :func:`read_metadata` or ``read_folder`` checked."""
    return [Patient.parse(*values) for values in table[list(FIELDS)].itertuples(index=False)]


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


def find_table(data_dir: Path, pattern: str) -> Path:
    """Find the one table of a data folder whose name matches.

    Raises:
        DataError: none, or several.
    """
    found = sorted(data_dir.glob(pattern))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(f"{data_dir} must hold exactly one {pattern}, but it holds: {names}.")
    return found[0]


def lesion_source(lesion_id: object) -> str:
    """Tell the collection an image is from by the prefix of its challenge ``lesion_id``."""
    if not isinstance(lesion_id, str):
        return "MSK"
    return lesion_id[:3] if lesion_id[:3] in SOURCES else "other"


def _read_truth(path: Path) -> pd.DataFrame:
    table = _read_csv(path)
    _require(table, ("image", *DIAGNOSES), path.name)
    _refuse_repeated(table, path.name)
    classes = [*DIAGNOSES, *([UNKNOWN_CLASS] if UNKNOWN_CLASS in table else [])]
    labels = table[classes].apply(pd.to_numeric, errors="coerce")
    wrong = (labels.sum(axis=1) != 1) | ~labels.isin([0, 1]).all(axis=1)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{path.name}, line {row + 2} ({table['image'][row]}): exactly one of "
            f"{', '.join(classes)} must be 1 and the others 0. {wrong.sum()} rows break this rule."
        )
    return pd.DataFrame({"image": table["image"], "diagnosis": labels.idxmax(axis=1)})


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the path of a CSV file.")
    try:
        # The Archive writes a TAB before cells that a spreadsheet would run.
        text = {"image": str, "sex": str, "anatom_site_general": str, "lesion_id": str}
        return pd.read_csv(path, dtype=text, encoding="utf-8-sig", skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV table: {error}.") from error


def _require(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(
            f"{name} lacks the column {', '.join(missing)}; it has {', '.join(table.columns)}. "
            "Use the challenge's column names."
        )


def _refuse_repeated(table: pd.DataFrame, name: str) -> None:
    if table["image"].isna().any():
        line = int(table["image"].isna().to_numpy().argmax()) + 2
        raise DataError(f"{name}, line {line}: the image's name is empty. Fill it in.")
    repeated = table["image"][table["image"].duplicated()].unique()
    if len(repeated):
        raise DataError(
            f"{name} names {len(repeated)} images more than once, first {repeated[0]}. "
            "Keep one row an image."
        )


def _parse_row(row: tuple, name: str) -> Patient:
    try:
        return Patient.parse(row.age_approx, row.sex, row.anatom_site_general)
    except PatientError as error:
        raise DataError(f"{name}, image {row.image}: {error}") from error


def _dtype(field: str) -> str:
    return "float64" if field == "age_approx" else "object"
