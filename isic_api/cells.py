"""CSV rows that no spreadsheet takes for formulas. The Archive guards its own CSV the same way."""

import csv
from collections.abc import Iterable
from typing import IO

_FORMULA = ("=", "+", "-", "@", "\t")


class PlainWriter:
    """Writes rows as CSV; a text that a spreadsheet would run gets a TAB before it."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def writerow(self, row: Iterable[object]) -> None:
        self._writer.writerow([plain_cell(cell) for cell in row])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        for row in rows:
            self.writerow(row)


def plain_cell(cell: object) -> object:
    """The cell as it is, or with a TAB before it; numbers below zero are no formulas."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", " ")  # at which some readers begin a new row
    return f"\t{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
