"""Standard output as programs read it."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator

from isic_api.errors import DISK_FULL, DiskFullError


def write_utf8() -> None:
    """Let standard output be UTF-8 whatever the console, which on Windows has a code page."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


@contextlib.contextmanager
def disk_of_stdout() -> Iterator[None]:
    """Raise DiskFullError, also for what is still buffered, if standard output has no room left."""
    try:
        yield
        sys.stdout.flush()
    except OSError as cause:
        if cause.errno not in DISK_FULL:
            raise
        drop_stdout()
        raise DiskFullError(
            "The disk of standard output is full. Free some space or write to another file, and "
            "run the same command again from the start."
        ) from cause


def drop_stdout() -> None:
    """Discard what is still buffered, which Python would try to write once more at its exit."""
    with contextlib.suppress(OSError):  # it is not a file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
