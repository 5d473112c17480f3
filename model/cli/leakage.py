"""Show how much a split by image instead of by lesion inflates the figures of a network.

Trains a preset twice, on equally many images of each diagnosis, and evaluates both networks on the
same images: once as if images were independent, so that some lesions are in both parts, and once
without any photograph of the evaluated lesions. The difference is the inflation.

The test part of the data's split is not used. The same command resumes an interrupted run.

example: python -m model leakage --data DIR --budget 20 --side 64 --out runs/leakage
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from model.cli.bench_presets import (
    add_bench_options,
    bench_of,
    read_for_bench,
    require_counts,
)
from model.cli.options import add_data, add_number, split_of
from model.data.duplicates import groups_of
from model.errors import ConfigError
from model.presets.preset import load_preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    parser.add_argument(
        "--preset",
        metavar="NAME",
        default="cnn-4block",
        help="default cnn-4block",
    )
    add_number(parser, "--budget", "epochs of each training", default=20, metavar="EPOCHS")
    add_number(parser, "--limit", "maximum number of images, in whole lesions")
    add_bench_options(parser, out=Path("runs/leakage"))


def run(options: argparse.Namespace) -> int:
    """Train twice, print the inflation and write it as leakage.json."""
    preset = load_preset(options.preset)
    require_counts(options, "budget", "limit")
    dataset = read_for_bench(options)
    split, groups = split_of(dataset, options), groups_of(dataset.table, cache_dir=options.cache)
    open_to_all = split.parts_of(dataset.table).isin(["train", "validation"]).to_numpy()
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.presets.leakage import draw_pair, leakage_text, measure_leakage, some_lesions

    chosen = open_to_all.copy()
    chosen[open_to_all] = some_lesions(groups[open_to_all], options.limit)
    table = dataset.table[chosen].reset_index(drop=True)
    bench = bench_of(replace(dataset, table=table), split, options, part="validation")
    if bench.config(preset) is None:
        raise ConfigError(
            f"{preset.name} starts from ImageNet weights. Name their folder with --weights-dir, "
            "let Keras fetch them with --download, or choose another --preset."
        )
    found = measure_leakage(bench, preset, draw_pair(table, groups[chosen]))
    print(leakage_text(found))
    text = json.dumps(found, indent=1) + "\n"
    (options.out / "leakage.json").write_text(text, encoding="utf-8")
    return 0
