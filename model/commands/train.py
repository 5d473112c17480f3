"""Train the dual-branch network on a data folder and write a bundle.

The folder holds images/*.jpg, one *GroundTruth.csv and one *Metadata.csv in the challenge's
layout. Images of the ISIC 2019 challenge keep to the project's own split; other data is split by
lesion, 70 / 15 / 15. The same command goes on after an interruption.

--preset starts from the settings of an earlier system; --config and options change them.

example: python -m model train --data DIR --out runs/first --epochs 20
example: python -m model train --data DIR --out runs/four --preset cnn-4block --image-side 64
"""

import argparse
import sys
from pathlib import Path

from model.commands.split import groups_of
from model.data.dataset import Dataset, read_folder
from model.data.split import ISIC2019_SPLIT, Split, draw_split
from model.errors import ConfigError
from model.prediction.bundle import MANIFEST_FILE
from model.presets.preset import load_preset, preset_names
from model.tasks import CUSTOM
from model.training.config import add_config_options, config_from_dict, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--split", type=Path, help="saved split, instead of the default")
    parser.add_argument(
        "--preset", metavar="NAME", help=f"settings to start from: {', '.join(preset_names())}"
    )
    parser.add_argument("--config", type=Path, help="JSON file of settings")
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), help="prepared images (default .cache)"
    )
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Train and package."""
    arguments = vars(options)
    given = settings_of(options.preset) if options.preset else {}
    given |= read_config(options.config) if options.config else {}
    places = ("data", "out", "split", "preset", "config", "cache")
    given |= {name: value for name, value in arguments.items() if name not in places}
    config = config_from_dict(given)
    bundle = options.out / "bundle"
    if (bundle / MANIFEST_FILE).exists():
        raise ConfigError(f"{options.out} holds a finished training. Give another --out.")
    dataset = read_folder(options.data, any_label=config.task == CUSTOM)
    print(_summary(dataset), file=sys.stderr)
    split = split_of(dataset, options)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.training.curves import draw_curves
    from model.training.fit_callbacks import HISTORY_FILE
    from model.training.packaging import package
    from model.training.train import train

    network, encoder = train(dataset, split, config, out=options.out, cache_dir=options.cache)
    draw_curves(options.out / HISTORY_FILE, options.out / "curves.png", keep=config.keep)
    where = {"dataset": dataset, "split": split, "out": bundle, "cache_dir": options.cache}
    package(network, encoder, config, **where)
    print(f"wrote {bundle}; try: python -m model predict IMAGES --bundle {bundle} --out p.csv")
    return 0


def settings_of(name: str) -> dict[str, object]:
    """The settings of a preset; says so if training alone leaves out a part of it."""
    preset = load_preset(name)
    if preset.teacher:
        print(
            f"{name} learns from the labels alone here. To learn from {preset.teacher}, too, train "
            f"that first, then: python -m model distill --student {name} --help",
            file=sys.stderr,
        )
    return dict(preset.settings)


def split_of(dataset: Dataset, options: argparse.Namespace) -> Split:
    """The split that the options name, else the one of an earlier run, else the default."""
    drawn_before = options.out / "split.json"
    if options.split:
        return Split.load(options.split)
    if drawn_before.exists():
        return Split.load(drawn_before)
    shipped = Split.load(ISIC2019_SPLIT)
    if shipped.parts_of(dataset.table).notna().all():
        return shipped.extended(dataset.table)
    groups = groups_of(dataset, cache_dir=options.cache)
    if shipped.covers(dataset.table):
        return shipped.extended(dataset.table, groups)
    return draw_split(dataset.table, groups)


def _summary(dataset: Dataset) -> str:
    text = f"{len(dataset.table)} images of {dataset.table['lesion_id'].nunique()} lesions"
    if dataset.without_image:
        text += f"; {dataset.without_image} rows have no image and are left out"
    if dataset.of_other_diagnosis:
        text += f"; {dataset.of_other_diagnosis} images of another diagnosis are left out"
    return text
