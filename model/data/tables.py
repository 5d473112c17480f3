"""CSV tables whose rows are images: what breaks a rule is named by line and image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.errors import DataError
from model.tasks import CUSTOM

_NAMED = 5  # offenders that a message names before it only counts them


def find_table(data_dir: Path, pattern: str) -> Path:
    """Find the one table of a data folder whose name matches.

    Raises:
        DataError: no such folder, none, or several.
    """
    if not data_dir.is_dir():
        raise DataError(f"{data_dir} is not a folder. Give the folder that holds the tables.")
    found = sorted(data_dir.glob(pattern))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(
            f"{data_dir} must hold exactly one {pattern}, but it holds: {names}. Give the folder "
            "of such a table, or one with a folder of images per class."
        )
    return found[0]


def read_csv(
    path: Path, columns: Sequence[str], *, key: str = "image", text: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table that has at least these columns and one row per value of ``key``.

    ``text`` names further columns whose cells stay text; an empty cell is NaN. Semicolons between
    columns, which spreadsheets write in much of Europe, are read as commas are.

    Raises:
        DataError: no such file, not a table, a column missing, or an image unnamed or repeated.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the path of a CSV file.")
    try:
        with path.open(encoding="utf-8-sig") as file:
            separator = ";" if ";" in file.readline() else ","
            file.seek(0)
            types = dict.fromkeys((key, *text), str)
            table = pd.read_csv(file, sep=separator, dtype=types, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV table: {error}.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(
            f"{path.name} lacks the column {', '.join(missing)}; it has {', '.join(table.columns)}."
            " Use the challenge's column names."
        )
    _require_names(table, path.name, key)
    return table


def name_rows(table: pd.DataFrame, mask: np.ndarray | pd.Series, key: str = "image") -> str:
    """Name the marked rows of a table as read from its file, and count those not named."""
    rows = np.flatnonzero(mask)
    named = [f"line {row + 2} ({key} {table[key].iloc[row]})" for row in rows[:_NAMED]]
    return name_some(named, len(rows))


def name_some(names: Sequence[str], count: int | None = None) -> str:
    """Join the first few names and count the rest; ``count`` is of all, by default the names'."""
    count = len(names) if count is None else count
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _require_names(table: pd.DataFrame, name: str, key: str) -> None:
    unnamed = table[key].isna()
    if unnamed.any():
        lines = name_some([f"line {row + 2}" for row in np.flatnonzero(unnamed)])
        raise DataError(f"{name}, {lines}: the {key}'s name is empty. Fill it in.")
    repeated = table[key].duplicated(keep=False)
    if repeated.any():
        raise DataError(
            f"{name} names {table[key][repeated].nunique()} {key}s more than once: "
            f"{name_rows(table, repeated, key)}. Keep one row per {key}."
        )


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
