"""Atomic file writes: readers never see half a file, even if the writer is killed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_ABANDONED = 3600  # seconds without a write, after which a leftover belongs to a killed process


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yield a temporary path, which replaces ``file`` if nothing is raised.

    Creates the folder, and removes leftovers of killed processes. If several processes or threads
    write the same file at once, the last to finish wins.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for left in file.parent.glob(f"{file.name}.*.part"):
        with suppress(FileNotFoundError):  # its writer has just finished
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    part = file.with_name(f"{file.name}.{uuid4().hex}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
