"""Train a network, the student, on the labels and on what trained networks, its teachers, answer.

Teachers are bundles of the same task. --student is a JSON file of settings or a preset's name;
teacher_weight and teacher_temperature say how much the teachers count and how soft their answers
are made. The teachers answer once; what they say is kept in the cache. The same command goes on
after an interruption.

example: python -m model distill --data DIR --teachers BUNDLE --student small.json --out runs/small
"""

import argparse
import json
from pathlib import Path

from model.commands.options import (
    add_cache,
    add_data,
    add_out,
    add_settings,
    add_split,
    settings_of,
    split_of,
)
from model.data.dataset import read_folder
from model.errors import ConfigError
from model.inference.bundle import require_no_bundle
from model.presets.preset import load_preset, preset_names
from model.training.config import config_from_dict, read_config

TEACHERS_FILE = "teachers.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    parser.add_argument(
        "--teachers", type=Path, nargs="+", required=True, metavar="BUNDLE", help="their bundles"
    )
    parser.add_argument(
        "--student", metavar="FILE", required=True, help="of settings as JSON, or a preset's name"
    )
    add_out(parser, "folder of this run")
    add_split(parser)
    add_cache(parser)
    add_settings(parser, config="")


def run(options: argparse.Namespace) -> int:
    """Ask the teachers, train and package."""
    config = config_from_dict(_settings(options.student) | settings_of(options))
    bundle = options.out / "bundle"
    require_no_bundle(bundle)
    dataset = read_folder(options.data, task=config.task)
    split = split_of(dataset, options)
    task = dataset.task(config.task)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.training.curves import draw_curves
    from model.training.distill import teacher_hashes, teachers_answers
    from model.training.fit_callbacks import HISTORY_FILE
    from model.training.packaging import package
    from model.training.train import train

    answers = teachers_answers(options.teachers, dataset, split, task, cache_dir=options.cache)
    hashes = teacher_hashes(options.teachers)
    _claim(options.out, hashes)
    where = {"out": options.out, "cache_dir": options.cache}
    network, encoder = train(dataset, split, config, **where, teacher=answers)
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


def _claim(out: Path, hashes: list[str]) -> None:
    """Write down who teaches in a new run, or check that they are those of the old one."""
    out.mkdir(parents=True, exist_ok=True)
    saved = out / TEACHERS_FILE
    if not saved.exists() and not (out / "config.json").exists():
        saved.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    elif not saved.exists() or json.loads(saved.read_text(encoding="utf-8")) != hashes:
        raise ConfigError(
            f"{out} holds a training with other teachers, or with none. Give another --out, or "
            "the same teachers to go on with it."
        )
