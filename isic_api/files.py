"""Files that are never half written, CSV without formulas, and disk errors in plain words."""

import contextlib
import csv
import errno
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from uuid import uuid4

from tqdm import tqdm

from isic_api.errors import DISK_FULL, DiskFullError, FolderError, NotWritableError

_FORMULA = ("=", "+", "-", "@", "\t")
_ABANDONED = 3600  # seconds without a write, after which a leftover belongs to a killed process


@contextlib.contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yield a temporary path, which replaces ``file`` if nothing is raised.

    Creates the folder, and removes leftovers of killed processes. If several processes or threads
    write the same file at once, the last to finish wins.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for left in file.parent.glob(f"{file.name}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # its writer has just finished
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    part = file.with_name(f"{file.name}.{uuid4().hex}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


class PlainWriter:
    """A CSV writer that puts a TAB before texts that a spreadsheet would run as formulas."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def writerow(self, row: Iterable[object]) -> None:
        """Write one row; see :func:`plain_cell`."""
        self._writer.writerow([plain_cell(cell) for cell in row])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write several rows."""
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


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Translate OSErrors of the disk into FolderErrors."""
    try:
        yield
    except OSError as cause:
        if isinstance(cause, BrokenPipeError) or _of_the_network(cause):
            raise
        if cause.errno in DISK_FULL:
            raise DiskFullError(
                f"The disk of {path} is full. Free some space and run the same command again: it "
                "continues where it stopped."
            ) from cause
        if isinstance(cause, PermissionError | FileExistsError | NotADirectoryError):
            raise NotWritableError(
                f"{path} cannot be written to ({cause.strerror}): choose a writable folder."
            ) from cause
        if cause.errno == errno.EROFS:
            raise NotWritableError(f"{path} is on a read-only disk: choose another.") from cause
        raise FolderError(f"{path} cannot be written to: {cause.strerror or cause}.") from cause


def amount(size: float) -> str:
    """Bytes in a readable unit, e.g. 9.77GB."""
    return tqdm.format_sizeof(size, "B", 1000)


def _of_the_network(error: OSError) -> bool:
    requests = sys.modules.get("requests")  # not imported here, to keep this module light
    return requests is not None and isinstance(error, requests.RequestException)
