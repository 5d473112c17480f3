"""The command line: ``python -m isic_api COMMAND --help``.

Exit codes: 0 complete; 1 something is missing or failed; 2 invalid request; 130 interrupted.
"""

import signal
import sys
from typing import NoReturn

from isic_api.cli import parser
from isic_api.console import disk_of_stdout, drop_stdout, write_utf8
from isic_api.errors import ArchiveError


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    write_utf8()
    options = parser().parse_args(argv)
    try:
        with disk_of_stdout():
            return options.run(options)
    except ArchiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        kept = "what has been downloaded is kept; run the same command again to continue"
        nothing = str(getattr(options, "out", "-")) == "-"
        print(f"interrupted: {'nothing is kept' if nothing else kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads the output, e.g. head, has closed it
        drop_stdout()
        return 0


def _as_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
