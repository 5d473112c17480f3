"""Files that survive a kill at any moment, CSV without formulas, and disk errors in plain words."""

import contextlib
import csv
import errno
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import uuid4

from tqdm import tqdm

from isic_api.errors import DISK_FULL, DiskFullError, FolderError, NotWritableError

_FORMULA = ("=", "+", "-", "@", "\t")
_ABANDONED = 3600  # seconds without a write, after which a leftover belongs to a killed process
_SYNC_EVERY = 1.0  # seconds


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


class Journal:
    """An append-only file of JSON lines.

    Each line is handed to the kernel at once, so a killed process loses none; it reaches the
    disk within a second, so a power cut loses at most that. A truncated last line is dropped on
    opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+b", buffering=0)
        self._file.truncate(_whole_lines(self._file))
        self._reader = path.open("rb")
        self._synced = time.monotonic()

    def append(self, entry: Mapping[str, Any]) -> int:
        """Returns the byte offset of the new line. Raises OSError without writing a part of it."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        offset = self._file.seek(0, os.SEEK_END)
        if self._file.write(line) != len(line):
            self._file.truncate(offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        if time.monotonic() - self._synced > _SYNC_EVERY:
            self.sync()
        return offset

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Byte offset and content of every line, in the order they were written.

        A line garbled by a power cut is skipped: its record is fetched again.
        """
        offset = 0
        with self.path.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    yield offset, json.loads(line)
                offset += len(line)

    def read(self, offset: int) -> dict[str, Any]:
        """The entry that :meth:`append` wrote at ``offset``."""
        self._reader.seek(offset)
        return json.loads(self._reader.readline())

    def sync(self) -> None:
        """Wait until all lines are on the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and close; the journal cannot be used afterwards."""
        self.sync()
        self._file.close()
        self._reader.close()


def _whole_lines(file: BinaryIO) -> int:
    """Bytes up to and including the last newline."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


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
