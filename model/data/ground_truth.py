"""Reading the table of labels, ``*GroundTruth.csv``: one column per label, one of which is 1."""

from pathlib import Path

import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.tables import name_rows, read_csv
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.errors import DataError
from model.tasks import CUSTOM


def read_truth(path: Path, task: str | None) -> pd.DataFrame:
    """Read image and diagnosis, which may be UNK, of each row.

    ``task`` is as in :func:`model.data.dataset.read_folder`.

    Raises:
        DataError: a column is missing or marks no image, or a row has no label or several.
    """
    table = read_csv(path, ("image",))
    columns = [name for name in table if name != "image"]
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
    return pd.DataFrame({"image": table["image"], "diagnosis": marks.idxmax(axis=1)})


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
