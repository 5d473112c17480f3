"""Reading the table of labels, ``*GroundTruth.csv``: one column per label, one of which is 1."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.formats import NO_LABELS, diagnosis_of, with_our_labels
from model.data.tables import columns_of, name_rows, read_csv
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.errors import DataError
from model.tasks import CUSTOM


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
    """Codes in small letters as they are written here."""
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
