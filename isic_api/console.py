"""Standard output as programs read it."""

import io
import sys


def write_utf8() -> None:
    """Let standard output be UTF-8 whatever the console, which on Windows has a code page."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
