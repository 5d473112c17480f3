"""Train the dual-branch network on a data folder and write a bundle.

The folder holds images/*.jpg, one *GroundTruth.csv and one *Metadata.csv in the challenge's
layout. Images of the ISIC 2019 challenge use the project's own split; other data is split by
lesion, 70 / 15 / 15. The same command resumes an interrupted run.

--data takes several folders, classes balanced within each. Their images get a validation part of
their own, an eighth by lesion, and what looks like a held-out image of ISIC 2019 is left out.

--preset starts from the settings of an earlier system; --config and options change them.

example: python -m model train --data DIR --out runs/first --epochs 20
example: python -m model train --data DIR --out runs/four --preset cnn-4block --image-side 64
"""

import argparse
import sys

from model.cli.options import (
    add_cache,
    add_data_folders,
    add_out,
    add_preset,
    add_settings,
    add_split,
    require_start,
    settings_of,
    split_of,
)
from model.data.dataset import read_folders
from model.inference.bundle import require_no_bundle
from model.presets.preset import Preset, load_preset
from model.training.settings import TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    add_out(parser, "folder of this run")
    add_split(parser)
    add_cache(parser)
    add_preset(parser)
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Train and package."""
    config = TrainConfig(**settings_of(options))
    if options.preset:
        _say_if_taught(load_preset(options.preset))
    bundle = options.out / "bundle"
    require_no_bundle(bundle)
    require_start(config)
    dataset = read_folders(options.data, task=config.task, coarse=True)
    print(dataset.summary(config.task), file=sys.stderr)
    has_class = dataset.task(config.task).has_class(dataset.table["diagnosis"])
    split = split_of(dataset, options).held_out_with(dataset.table, has_class)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.training.history import draw_curves
    from model.training.packaging import package
    from model.training.resume import HISTORY_FILE
    from model.training.train import train

    network, encoder = train(dataset, split, config, out=options.out, cache_dir=options.cache)
    chosen = {"keep": config.keep, "monitor": config.monitor}
    draw_curves(options.out / HISTORY_FILE, options.out / "curves.png", **chosen)
    where = {"dataset": dataset, "split": split, "out": bundle, "cache_dir": options.cache}
    package(network, encoder, config, **where)
    print(f"wrote {bundle}; try: python -m model predict IMAGES --bundle {bundle} --out p.csv")
    return 0


def _say_if_taught(preset: Preset) -> None:
    if preset.teacher:
        print(
            f"{preset.name} is trained on the labels alone here. To train it on {preset.teacher}'s "
            "predictions too, train that first, then: python -m model distill "
            f"--student {preset.name} --help",
            file=sys.stderr,
        )
