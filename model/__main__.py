"""The command line of ``model``: ``python -m model COMMAND --help``.

Exit codes: 0 done; 1 something is missing or went wrong; 2 no such command or option; 130
interrupted.
"""

import argparse
import importlib
import re
import sys
from functools import partial
from types import ModuleType

from isic_api.console import write_utf8
from isic_api.errors import DISK_FULL
from model.errors import ModelError

COMMANDS = {
    "explore": "show what is in a data folder: a page with figures",
    "train": "train the dual-branch network on a data folder",
    "train-finder": "train the network that finds the lesion in a photograph",
    "distill": "train a network on the predictions of trained ones",
    "tune": "search settings for a training, on one machine or several",
    "predict": "write the probabilities of a folder of images to a CSV file",
    "calibrate": "set a bundle's temperature and thresholds on held-out images",
    "evaluate": "evaluate a bundle: metrics with intervals, subgroups, calibration, failures",
    "compare": "compare bundles, with paired confidence intervals",
    "reproduce": "train the shipped network again and compare",
    "card": "write a bundle's figures into README and model card",
    "export": "convert a bundle's network to LiteRT, for the page and for phones",
    "push": "push a bundle and its card to the Hugging Face Hub",
    "split": "draw a lesion-disjoint split of a data folder, or check one",
    "summary": "count and draw a network without training it",
    "bench-presets": "train earlier systems on one split and compare them",
    "leakage": "show how much a split by image instead of by lesion inflates the figures",
}
"""Each is a module of ``model.cli``, loaded only when it is called."""

_AGAIN = "run the same command again; a training or search resumes from what is finished"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    write_utf8()
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name not in COMMANDS:
        return _overview(name)
    _quiet_hdf5()
    command = importlib.import_module(f"model.cli.{name.replace('-', '_')}")
    try:
        return command.run(_parser(name, command).parse_args(arguments[1:]))
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"interrupted: {_AGAIN}", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
    return 1


def _parser(name: str, command: ModuleType) -> argparse.ArgumentParser:
    """Its help is the command's docstring around the options, the examples at the end."""
    text, _, examples = command.__doc__.partition("\nexample: ")
    parser = argparse.ArgumentParser(
        f"python -m model {name}",
        description=text,
        epilog=f"example: {examples}",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=28),
    )
    command.add_arguments(parser)
    return parser


def _one_line(error: OSError) -> str:
    if is_full(error):
        return f"the disk is full. Free some space and {_AGAIN}"
    return f"{error.strerror or error}: {error.filename or ''}"


def _overview(name: str) -> int:
    wanted = name in ("-h", "--help")
    width = max(map(len, COMMANDS))
    lines = [f"  {command:<{width}}  {text}" for command, text in COMMANDS.items()]
    text = "usage: python -m model COMMAND [options]\n\n" + "\n".join(lines)
    text += "\n\nexample: python -m model predict --help"
    if wanted:
        print(text)
        return 0
    print(f"error: no command is called {name!r}\n\n{text}", file=sys.stderr)
    return 2


def is_full(error: OSError) -> bool:
    """Whether an error means that a disk, a quota or a limit is used up."""
    number = error.errno
    if number is None and (found := re.search(r"errno = (\d+)", str(error))):  # by HDF5
        number = int(found[1])
    return number in DISK_FULL


def _quiet_hdf5() -> None:
    """Keep HDF5 from printing a traceback per object that it could not write.

    On a full disk it has many to give up, after the one error that is raised.
    """
    usual = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if "file write failed" not in str(unraisable.exc_value):
            usual(unraisable)

    sys.unraisablehook = hook


if __name__ == "__main__":
    sys.exit(main())
