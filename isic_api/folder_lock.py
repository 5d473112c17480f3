"""One process at a time writes to a data folder."""

import os
from pathlib import Path

from isic_api.errors import FolderBusyError

try:
    import fcntl
except ImportError:  # Windows, which locks files but no folders
    import msvcrt

    def _open(root: Path) -> int:
        return os.open(root / ".lock", os.O_RDWR | os.O_CREAT)

    def _lock(held: int) -> None:
        msvcrt.locking(held, msvcrt.LK_NBLCK, 1)
else:

    def _open(root: Path) -> int:
        return os.open(root, os.O_RDONLY)

    def _lock(held: int) -> None:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_folder(root: Path) -> int:
    """Returns a descriptor that holds the lock until it is closed, at the latest by kill -9.

    Raises FolderBusyError.
    """
    held = _open(root)
    try:
        _lock(held)
    except (BlockingIOError, PermissionError) as cause:
        os.close(held)
        raise FolderBusyError(
            f"Another download is writing to {root}: wait for it or choose another folder."
        ) from cause
    return held
