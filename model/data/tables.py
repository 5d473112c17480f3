"""CSV tables whose rows are images: what breaks a rule is named by line and image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from model.errors import DataError

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
