"""CSV rows without spreadsheet formulas. The Archive escapes its own CSV in the same way."""

import csv
from collections.abc import Iterable
from typing import IO

_FORMULA = ("=", "+", "-", "@", "\t")


class PlainWriter:
    """A CSV writer that puts a TAB before texts that a spreadsheet would run as formulas."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def writerow(self, row: Iterable[object]) -> None:
        self._writer.writerow([plain_cell(cell) for cell in row])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        for row in rows:
            self.writerow(row)


def plain_cell(cell: object) -> object:
    """The cell, with a TAB before it if it looks like a formula; negative numbers do not."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", " ")  # some readers begin a new row there
    return f"\t{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
