"""Context that photographs' own files state, where the tables of a data folder say nothing."""

from collections.abc import Sequence

import pandas as pd

from model.file_context import recorded_patient
from model.patient import Field


def fill_from_files(table: pd.DataFrame, fields: Sequence[Field]) -> int:
    """Fill unknown cells of the fields' columns in place; gives how many images had any.

    ``table`` is that of :class:`model.data.dataset.Dataset`, with the files under ``path``.
    """
    columns = [field.column for field in fields]
    incomplete = table.index[table[columns].isna().any(axis=1)]
    filled = 0
    for row in incomplete:
        recorded = recorded_patient(table.at[row, "path"], fields)
        missing = [f for f in fields if f.key in recorded and pd.isna(table.at[row, f.column])]
        for field in missing:
            table.at[row, field.column] = recorded[field.key]
        filled += bool(missing)
    return filled
