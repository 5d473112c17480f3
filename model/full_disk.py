"""A full disk, which libraries report in many ways and one of them at great length."""

import re
import sys

from isic_api.errors import DISK_FULL


def is_full(error: OSError) -> bool:
    """Whether an error is of a disk, a quota or a limit that is used up."""
    number = error.errno
    if number is None and (found := re.search(r"errno = (\d+)", str(error))):  # by HDF5
        number = int(found[1])
    return number in DISK_FULL


def quiet_hdf5() -> None:
    """Keep HDF5 from printing a trace for each of its objects that could not be written.

    It does so for what it has to give up after the error that is raised.
    """
    usual = sys.unraisablehook

    def tell(lost: "sys.UnraisableHookArgs") -> None:
        if "file write failed" not in str(lost.exc_value):
            usual(lost)

    sys.unraisablehook = tell
