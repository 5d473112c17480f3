"""Options that several commands take, each declared in one place, and what follows from them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model.data.dataset import Dataset
from model.data.duplicates import groups_of
from model.data.split import PARTS, Split
from model.data.splitters import default_split, draw_split, is_shares
from model.inference.bundle import RELEASED
from model.networks.backbone_names import NO_BACKBONE, require_weights
from model.presets.preset import load_preset
from model.tasks import CUSTOM, TASKS
from model.training.settings import TrainConfig, read_config, setting_help, setting_type

if TYPE_CHECKING:
    from model.training.examples import Examples

SETTINGS = tuple(TrainConfig.model_fields)
_MAIN = ("backbone", "image_side", "fusion", "learning_rate", "batch_size", "epochs", "seed")


def add_data(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--data``."""
    parser.add_argument("--data", type=Path, metavar="DIR", required=required, help="data folder")


def add_data_folders(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` for one folder or several."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", required=True, nargs="+", help="data folders"
    )


def add_out(parser: argparse.ArgumentParser, what: str, *, default: Path | None = None) -> None:
    """Add ``--out``, required where there is no default."""
    text = f"{what} (default {default})" if default else what
    required = default is None
    parser.add_argument(
        "--out", type=_folder, metavar="DIR", required=required, default=default, help=text
    )


def _folder(text: str) -> Path:
    """A folder, which may not exist yet; a file of that name is refused before any work."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a file. Give the name of a folder.")
    return path


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Add ``--bundle``."""
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        default=RELEASED,
        help="bundle (default: the shipped one)",
    )


def add_task(parser: argparse.ArgumentParser, default: str = "the one that the labels fit") -> None:
    """Add ``--task``, whose default only the help describes."""
    names = (*TASKS, CUSTOM)
    text = f"{', '.join(names)} (default: {default})"
    parser.add_argument("--task", choices=names, metavar="NAME", help=text)


def add_part(
    parser: argparse.ArgumentParser, default: str, *, choices: Sequence[str] = PARTS
) -> None:
    """Add ``--part``."""
    text = f"of the split (default {default})"
    parser.add_argument("--part", choices=choices, default=default, help=text)


def add_choice(parser: argparse.ArgumentParser, flag: str, words: Sequence[str]) -> None:
    """Add an option that takes one of some words, the first by default."""
    text = f"{words[0]} (default), {', '.join(words[1:])}"
    parser.add_argument(flag, choices=words, metavar="NAME", default=words[0], help=text)


def add_number(
    parser: argparse.ArgumentParser,
    flag: str,
    what: str,
    *,
    default: int | None = None,
    metavar: str = "N",
) -> None:
    """Add an option that takes a whole number; its help states a default."""
    text = what if default is None else f"{what} (default {default})"
    parser.add_argument(flag, type=int, metavar=metavar, default=default, help=text)


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add ``--split``, for :func:`split_of`."""
    parser.add_argument(
        "--split",
        metavar="FILE",
        help="saved split, or shares such as 80/10/10",
    )


def add_cache(parser: argparse.ArgumentParser, what: str = "prepared images") -> None:
    """Add ``--cache``."""
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=Path(".cache"),
        help=f"{what} (default .cache)",
    )


def add_examples(parser: argparse.ArgumentParser) -> None:
    """Add ``--closeups`` and ``--other-lesions``, for :func:`examples_of`."""
    kinds = {
        "--closeups": "photographs taken without a dermatoscope",
        "--other-lesions": "dermoscopic photographs of none of the classes",
    }
    for flag, kind in kinds.items():
        what = f"{kind}, to tell them apart: DIR/images, and DIR/lesions.csv of image and lesion_id"
        parser.add_argument(flag, type=Path, metavar="DIR", help=what)


def examples_of(options: argparse.Namespace) -> "dict[str, Examples]":
    """The examples of the folders that were named.

    Raises:
        DataError: what :func:`model.training.examples.read_examples` refuses.
    """
    from model.training.examples import read_examples  # SciPy takes a second

    named = {name: getattr(options, name) for name in ("closeups", "other_lesions")}
    return {name: read_examples(folder) for name, folder in named.items() if folder}


def add_preset(parser: argparse.ArgumentParser) -> None:
    """Add ``--preset``, for :func:`settings_of`."""
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="earlier system to start from; see python -m model bench-presets --list",
    )


def add_settings(parser: argparse.ArgumentParser, *, config: str = "JSON file of settings") -> None:
    """Add ``--config`` and one option per setting, for :func:`settings_of`.

    The help shows the main ones, ``--help-settings`` all of them. ``config`` describes the file;
    where it is empty there is no such option. To be called last.
    """
    if config:
        parser.add_argument("--config", type=Path, metavar="FILE", help=config)
    parser.add_argument("--help-settings", action=_HelpSettings, help="show all settings and exit")
    usage = parser.format_usage().removeprefix("usage: ")
    parser.usage = usage + " " * len(f"usage: {parser.prog} ") + "[--SETTING VALUE ...]"
    group = parser.add_argument_group("main settings")
    _add_settings(group, shown=_MAIN)


def settings_of(options: argparse.Namespace) -> dict[str, object]:
    """Settings by ``--preset``, ``--config`` and single options, the later over the earlier.

    Raises:
        ConfigError: no such preset, or a file that cannot be read.
    """
    preset, config = (getattr(options, name, None) for name in ("preset", "config"))
    given = dict(load_preset(preset).settings) if preset else {}
    given |= read_config(config) if config else {}
    return given | {name: value for name, value in vars(options).items() if name in SETTINGS}


def split_of(dataset: Dataset, options: argparse.Namespace) -> Split:
    """The split of ``--split``, else that of an earlier run into ``--out``, else the default.

    Raises:
        SplitError: a file that is no split, or shares that make none.
    """
    drawn_before = options.out / "split.json"
    if options.split and is_shares(options.split):
        groups = groups_of(dataset.table, cache_dir=options.cache)
        return draw_split(dataset.table, groups, shares=options.split)
    if options.split:
        return Split.load(Path(options.split))
    if drawn_before.exists():
        return Split.load(drawn_before)
    return default_split(dataset.table, cache_dir=options.cache)


class _HelpSettings(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **options: object) -> None:
        super().__init__(option_strings, dest, nargs=0, **options | {"default": argparse.SUPPRESS})

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        usage = f"{parser.prog} [options] [--SETTING VALUE ...]"
        listing = argparse.ArgumentParser(usage=usage, add_help=False)
        group = listing.add_argument_group("settings, as options or in a file for --config")
        _add_settings(group, shown=SETTINGS)
        listing.print_help()
        parser.exit()


def _add_settings(group: argparse._ArgumentGroup, *, shown: Sequence[str]) -> None:
    """Add one option per setting; those that the user does not give are left out of the result."""
    for name in SETTINGS:
        common = {
            "help": setting_help(name) if name in shown else argparse.SUPPRESS,
            "default": argparse.SUPPRESS,
            "dest": name,
        }
        flag, kind = f"--{name.replace('_', '-')}", setting_type(name)
        if kind is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
        else:
            group.add_argument(flag, type=kind, metavar=kind.__name__, **common)


def require_start(config: TrainConfig) -> None:
    """Check, before the data are read, that what a training starts from can be had.

    Raises:
        ConfigError: its weights cannot.
    """
    if not config.init_from and config.backbone != NO_BACKBONE:
        require_weights(config.weights, config.backbone)
