"""Show what a split by image instead of by lesion adds to the figures of a network.

Trains a preset twice, on equally many images of each diagnosis, and judges both networks on the
same images: once as if images were independent, so that some photographs of a lesion are learned
from and others judged on, and once without any photograph of the judged lesions. The difference is
the inflation.

The test part of the data's split is left alone. The same command goes on after an interruption.

example: python -m model leakage --data DIR --budget 20 --side 64 --out runs/leakage
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from model.commands.bench_presets import of_source, require_counts
from model.commands.split import groups_of
from model.commands.train import split_of
from model.data.dataset import SOURCES, read_folder
from model.errors import ConfigError
from model.presets.preset import load_preset, preset_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument(
        "--preset",
        metavar="NAME",
        default="cnn-4block",
        help=f"default cnn-4block; one of {', '.join(preset_names())}",
    )
    parser.add_argument(
        "--budget", type=int, metavar="EPOCHS", default=20, help="epochs of each (default 20)"
    )
    parser.add_argument("--side", type=int, metavar="PX", help="largest side of the images")
    parser.add_argument("--limit", type=int, metavar="N", help="most images, of whole lesions")
    parser.add_argument("--source", choices=SOURCES, help="images of one collection only")
    parser.add_argument("--weights-dir", type=Path, help="folder of ImageNet weights")
    parser.add_argument("--download", action="store_true", help="let Keras fetch ImageNet weights")
    parser.add_argument("--split", type=Path, help="saved split, instead of the default")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/leakage"), help="default runs/leakage"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), help="prepared images (default .cache)"
    )


def run(options: argparse.Namespace) -> int:
    """Train twice, print the inflation and write it as leakage.json."""
    preset = load_preset(options.preset)
    require_counts(options, "budget", "limit")
    dataset = of_source(read_folder(options.data), options.source)
    split, groups = split_of(dataset, options), groups_of(dataset, cache_dir=options.cache)
    open_to_all = split.parts_of(dataset.table).isin(["train", "validation"]).to_numpy()
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.presets.bench import Bench
    from model.presets.leakage import draw_pair, leakage_text, measure_leakage, some_lesions

    chosen = open_to_all.copy()
    chosen[open_to_all] = some_lesions(groups[open_to_all], options.limit)
    table = dataset.table[chosen].reset_index(drop=True)
    bench = Bench(
        replace(dataset, table=table),
        split,
        part="validation",
        budget=options.budget,
        side=options.side,
        weights_dir=options.weights_dir,
        download=options.download,
        out=options.out,
        cache_dir=options.cache,
    )
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
