"""Train a student network on the labels and on the soft labels of trained networks, its teachers.

Teachers are bundles of the same task. --student is a JSON file of settings or a preset's name;
teacher_weight is the weight of the teachers in the loss, teacher_temperature how much their
predictions are softened. The teachers predict once; their predictions are cached. The same command
resumes an interrupted run.

example: python -m model distill --data DIR --teachers BUNDLE --student small.json --out runs/small
"""

import argparse
from pathlib import Path

from model.cli.options import (
    add_cache,
    add_data,
    add_out,
    add_settings,
    add_split,
    require_start,
    settings_of,
    split_of,
)
from model.data.dataset import read_folder
from model.inference.bundle import require_no_bundle
from model.presets.preset import load_preset, preset_names
from model.training.settings import TrainConfig, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    parser.add_argument(
        "--teachers", type=Path, nargs="+", required=True, metavar="BUNDLE", help="their bundles"
    )
    parser.add_argument(
        "--student", metavar="FILE", required=True, help="settings as JSON, or a preset's name"
    )
    add_out(parser, "folder of this run")
    add_split(parser)
    add_cache(parser)
    add_settings(parser, config="")


def run(options: argparse.Namespace) -> int:
    """Predict with the teachers, train and package."""
    config = TrainConfig(**_settings(options.student) | settings_of(options))
    bundle = options.out / "bundle"
    require_no_bundle(bundle)
    require_start(config)
    dataset = read_folder(options.data, task=config.task)
    split = split_of(dataset, options)
    task = dataset.task(config.task)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.training.distillation import soft_labels, teacher_hashes
    from model.training.history import draw_curves
    from model.training.packaging import package
    from model.training.resume import HISTORY_FILE
    from model.training.train import train

    labels = soft_labels(options.teachers, dataset, split, task, cache_dir=options.cache)
    hashes = teacher_hashes(options.teachers)
    where = {"out": options.out, "cache_dir": options.cache}
    network, encoder = train(dataset, split, config, **where, teacher=labels, teachers=hashes)
    chosen = {"keep": config.keep, "monitor": config.monitor}
    draw_curves(options.out / HISTORY_FILE, options.out / "curves.png", **chosen)
    where = {"dataset": dataset, "split": split, "out": bundle, "cache_dir": options.cache}
    package(network, encoder, config, **where, teachers=hashes)
    print(f"wrote {bundle}; try: python -m model predict IMAGES --bundle {bundle} --out p.csv")
    return 0


def _settings(student: str) -> dict[str, object]:
    if student in preset_names():
        return dict(load_preset(student).settings)
    return read_config(Path(student))
