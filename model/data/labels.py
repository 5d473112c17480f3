"""Reading the labels of a data folder, from a table or from one folder of images per label.

    DIR/*GroundTruth.csv   one column per label, one of which is 1
    DIR/LABEL/*.jpg        no table needed: DIR/benign/*.jpg, DIR/malignant/*.jpg
    DIR/train/LABEL/*.jpg  DIR/test/LABEL/*.jpg, and DIR/validation if there is one: split already
    DIR/classes.csv        names of the labels, and which are malignant, if stated

Published tables that name the diagnosis in words are read as well. An image in a class folder is
called after its file, or where two files share a name, after its path in the data folder without
the suffix.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.formats import NO_LABELS, WITH_LABELS, diagnosis_of, with_our_labels
from model.data.photographs import is_hidden, is_photograph
from model.data.tables import columns_of, image_name, name_rows, read_csv, tables_like
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.errors import DataError
from model.image import FORMATS
from model.tasks import CUSTOM, Task, custom_task

CLASSES_FILE = "classes.csv"
_ANSWERS = ("yes", "no", "precursor")
_PARTS = {
    **{"train": "train", "training": "train"},
    **{"validation": "validation", "valid": "validation", "val": "validation"},
    **{"test": "test", "testing": "test"},
}
_BESIDE = ("masks", "__macosx")  # folders that are no class


def read_truth(path: Path, task: str | None) -> pd.DataFrame:
    """Read image and diagnosis, which may be UNK, of each row.

    Of a table that names lesions and no images, it is lesion_id and diagnosis.

    ``task`` is as in :func:`model.data.dataset.read_folder`.

    Raises:
        DataError: a column is missing or marks no image, or a row has no label or several.
    """
    key = "lesion_id" if "image" not in columns_of(path, ("lesion_id",)) else "image"
    table = read_csv(path, (key,), key=key)
    if task != CUSTOM:
        table = with_our_labels(table.rename(columns=_label_names(table.columns)))
    beside = ("image", "lesion_id", "patient_id", *NO_LABELS)
    columns = [name for name in table if name not in beside]
    labels = _label_columns(path, columns, task)
    classes = [*labels, *({UNKNOWN_CLASS} & set(columns) - set(labels))]
    marks = table[classes].apply(pd.to_numeric, errors="coerce")
    wrong = (marks.sum(axis=1) != 1) | ~marks.isin([0, 1]).all(axis=1)
    if wrong.any():
        raise DataError(
            f"{path.name}, {name_rows(table, wrong)}: exactly one of {', '.join(classes)} must be "
            "1 and the others 0. Correct or remove the row."
        )
    own = set(labels) - {*DIAGNOSES, *COARSE_LABELS, UNKNOWN_CLASS}
    empty = [name for name in labels if name in own and not marks[name].any()]
    if empty:
        raise DataError(
            f"{path.name}: no image is of the class {', '.join(empty)}. Add some, or remove the "
            "column."
        )
    return pd.DataFrame({key: table[key], "diagnosis": marks.idxmax(axis=1)}).reset_index(drop=True)


def read_labelled(path: Path) -> pd.DataFrame:
    """Read image and diagnosis of a table that has the context beside a word for the diagnosis.

    Raises:
        DataError: no column of diagnoses, or a row whose word says none.
    """
    table = read_csv(path, ("image",))
    if not {"dx", "benign_malignant"} & set(table):
        raise DataError(
            f"{path.name} has neither a column dx nor benign_malignant. Give the publisher's own "
            "table, or a *GroundTruth.csv beside it."
        )
    found = [diagnosis_of(row) for row in table.to_dict("records")]
    wrong = np.array([label is None for label in found])
    if wrong.any():
        raise DataError(
            f"{path.name}, {name_rows(table, wrong)}: no diagnosis is called so. Correct or remove "
            "the row."
        )
    return pd.DataFrame({"image": table["image"].tolist(), "diagnosis": found})


def _label_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns that are known codes in another case → the code."""
    codes = {code.casefold(): code for code in (*DIAGNOSES, *COARSE_LABELS, UNKNOWN_CLASS)}
    return {name: codes[name.casefold()] for name in columns if name.casefold() in codes}


def _label_columns(path: Path, columns: list[str], task: str | None) -> list[str]:
    """The columns that are labels: all of them in a custom task, else those with known codes."""
    known = [name for name in columns if name in (*DIAGNOSES, *COARSE_LABELS)]
    if task == CUSTOM or (task is None and not known):
        return columns
    missing = [code for code in DIAGNOSES if code not in known]
    # A table may leave out diagnoses that it has a coarse label for.
    if missing and not set(known) & set(COARSE_LABELS):
        raise DataError(
            f"{path.name} lacks the column {', '.join(missing)}; it has {', '.join(columns)}. Use "
            f"the challenge's column names, or --task {CUSTOM}, which takes any."
        )
    return known


def is_by_class(data_dir: Path) -> bool:
    """Whether a folder has folders of images, but no table of labels and no ``images`` folder."""
    names = [path.name for path in _folders(data_dir)]
    together = any(name == "images" or name.endswith("_Input") for name in names)
    tables = ("*GroundTruth.csv", *WITH_LABELS)
    if together or any(tables_like(data_dir, pattern) for pattern in tables):
        return False
    return any(_images(folder) for _, folder in _class_folders(data_dir))


def read_class_folders(data_dir: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """List the images: image, folder (its label), part (empty if not divided) and path.

    Also lists the files that are not images.

    Raises:
        DataError: a folder without an image.
    """
    rows, skipped = [], []
    for part, folder in _class_folders(data_dir):
        files = sorted(path for path in folder.iterdir() if not is_hidden(path.name))
        images = _images(folder)
        skipped += [str(path.relative_to(data_dir)) for path in files if path not in set(images)]
        if not images:
            raise DataError(
                f"the class folder {folder} holds no image ({', '.join(FORMATS)}). Put its images "
                "there, or remove the folder."
            )
        rows += [(path, folder.name, part) for path in images]
    table = pd.DataFrame(rows, columns=["path", "folder", "part"])
    return table.assign(image=_names(data_dir, table["path"])), tuple(skipped)


def _class_folders(data_dir: Path) -> Iterable[tuple[str, Path]]:
    """Each class folder with the part that it is in."""
    folders = _folders(data_dir)
    parts = [_PARTS.get(folder.name.casefold()) for folder in folders]
    if not all(parts):
        return [("", folder) for folder in folders]
    return [
        (part, inner)
        for part, folder in zip(parts, folders, strict=True)
        for inner in _folders(folder)
    ]


def _images(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if not is_hidden(path.name) and is_photograph(path)]


def _folders(folder: Path) -> list[Path]:
    inner = sorted(path for path in folder.glob("*") if path.is_dir())
    return [p for p in inner if not p.name.startswith(".") and p.name.casefold() not in _BESIDE]


def _names(data_dir: Path, paths: pd.Series) -> pd.Series:
    stems = paths.map(lambda path: image_name(path.name))
    if stems.is_unique:
        return stems
    names = paths.map(lambda path: image_name(path.relative_to(data_dir).as_posix()))
    if names.is_unique:
        return names
    twice = paths[names.duplicated(keep=False)].iloc[0]
    raise DataError(
        f"{twice.parent} holds two files called {twice.stem}: names must differ before the dot. "
        "Rename or remove one."
    )


@dataclass(frozen=True)
class ClassTable:
    """What the file says of each code; ``malignant`` is None where it has no such column."""

    names: dict[str, str]
    malignant: dict[str, str] | None  # code → yes, no or precursor

    def task(self, codes: Iterable[str]) -> Task:
        """The custom task of some of the file's codes."""
        names = {code: self.names[code] for code in codes}
        if self.malignant is None:
            return custom_task(names)
        answered = {
            answer: [c for c in names if self.malignant[c] == answer] for answer in _ANSWERS
        }
        return custom_task(names, malignant=answered["yes"], precursors=answered["precursor"])


def read_class_table(data_dir: Path, codes: Iterable[str]) -> ClassTable | None:
    """Read the file of a data folder, which must have a row for each of its codes; None without.

    Raises:
        DataError: it lacks a code, names one that the folder has not, or answers with another word.
    """
    path = data_dir / CLASSES_FILE
    if not path.is_file():
        return None
    table = read_csv(path, ("code",), key="code")
    found = table["code"].tolist()
    differing = sorted(set(found) ^ set(codes))
    if differing:
        raise DataError(
            f"{path} and the labels of the folder differ in {', '.join(differing)}. Give every "
            "label one row, under the name of its column or folder."
        )
    named = table["name"] if "name" in table else table["code"]
    names = dict(zip(found, named.fillna(table["code"]).astype(str), strict=True))
    if "malignant" not in table:
        return ClassTable(names, None)
    answers = dict(zip(found, table["malignant"].astype(str).str.strip(), strict=True))
    wrong = [code for code, answer in answers.items() if answer not in _ANSWERS]
    if wrong:
        raise DataError(
            f"{path} does not say of {', '.join(wrong)} whether it is malignant. Write "
            f"{', '.join(_ANSWERS)} in every row, or leave the column out."
        )
    return ClassTable(names, answers)
