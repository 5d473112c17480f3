"""Disk errors and amounts of data."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import requests
from tqdm import tqdm

from isic_api.errors import DISK_FULL, DiskFullError, FolderError, NotWritableError


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Translate OSErrors of the disk into FolderErrors."""
    try:
        yield
    except requests.RequestException:  # an OSError too, but of the network
        raise
    except OSError as cause:
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
