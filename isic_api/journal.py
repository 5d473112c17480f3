"""An append-only file of JSON lines that survives a kill at any moment."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SYNC_EVERY = 1.0  # seconds


class Journal:
    """Append-only JSON lines.

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


def _whole_lines(file: Any) -> int:  # noqa: ANN401
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
