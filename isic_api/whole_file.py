"""Files that are written whole or not at all, whoever else reads them and whatever kills us."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_ABANDONED = 3600  # seconds without a write, after which what is left counts as of a killed process


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give a path beside ``file`` to write to, which becomes it if nothing is raised.

    Makes the folder, and removes what killed processes left of the file. Of several processes or
    threads that write the same file at once, the last to end wins.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for left in file.parent.glob(f"{file.name}.*.part"):
        with suppress(FileNotFoundError):  # its process has just ended
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    part = file.with_name(f"{file.name}.{uuid4().hex}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
