"""Train the presets, earlier systems rebuilt, on one lesion-disjoint split and compare them.

Writes presets.csv, presets.md and presets.png to --out. A preset that is finished there is not
trained again, so the same command resumes an interrupted run. Evaluated on the validation part
unless --part says otherwise. A preset that starts from ImageNet weights reads them from
--weights-dir (BACKBONE_notop.weights.h5), or downloads them from Keras with --download. Without
them it is skipped, or with --weights none starts from random weights, as the table then says.
Learning curves go into each preset's folder. siim-cnn-v2 is trained with each optimiser that its
authors compared.

example: python -m model bench-presets --data DIR --budget 10 --side 96 --out runs/presets
example: python -m model bench-presets --list
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.cli.options import (
    add_cache,
    add_data,
    add_number,
    add_out,
    add_part,
    add_split,
    add_task,
    split_of,
)
from model.data.dataset import Dataset, read_folder
from model.data.formats import SOURCES
from model.data.split import Split
from model.data.splitters import is_shares
from model.errors import ConfigError, DataError
from model.presets.preset import Preset, load_preset, preset_names, presets_text
from model.tasks import TASKS

if TYPE_CHECKING:
    from model.presets.bench import Bench


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--list", action="store_true", help="list the presets and exit")
    add_data(parser, required=False)
    add_number(parser, "--budget", "epochs of each preset", metavar="EPOCHS")
    parser.add_argument("--presets", metavar="A,B", help="names of presets (default: all)")
    add_number(parser, "--limit", "maximum number of training images, drawn once")
    add_part(parser, "validation")
    add_bench_options(parser, out=Path("runs/presets"))


def add_bench_options(parser: argparse.ArgumentParser, *, out: Path) -> None:
    """Add what every training of presets takes, for :func:`bench_of`."""
    add_number(parser, "--side", "maximum side of the images", metavar="PX")
    parser.add_argument("--source", choices=SOURCES, help="images of one collection only")
    parser.add_argument(
        "--weights-dir", type=Path, metavar="DIR", help="folder of ImageNet weights"
    )
    parser.add_argument("--download", action="store_true", help="let Keras fetch ImageNet weights")
    add_task(parser, "each preset's own")
    parser.add_argument(
        "--weights",
        choices=("none",),
        help="random weights where those of ImageNet are unavailable",
    )
    add_split(parser)
    add_out(parser, "folder of the runs", default=out)
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Train and compare, or list."""
    if options.list:
        print(presets_text())
        return 0
    presets = chosen_presets(options.presets)
    if options.data is None or options.budget is None:
        raise ConfigError("--data and --budget are required. Give a data folder and the epochs.")
    require_counts(options, "budget", "limit")
    dataset = read_for_bench(options)
    split = split_of(dataset, options)
    _bench(presets, dataset, split, options)
    print(f"wrote {options.out / 'presets.md'}, presets.csv and presets.png")
    return 0


def chosen_presets(names: str | None) -> list[Preset]:
    """The presets that a comma-separated list names, or all.

    Raises:
        ConfigError: an unknown name.
    """
    wanted = names.split(",") if names else preset_names()
    return [load_preset(name.strip()) for name in dict.fromkeys(wanted)]


def read_for_bench(options: argparse.Namespace) -> Dataset:
    """Read the data folder for the task of the options, or for those of the presets."""
    dataset = read_folder(options.data, task=options.task or next(iter(TASKS)))
    return of_source(dataset, options.source)


def of_source(dataset: Dataset, source: str | None) -> Dataset:
    """Keep the images of one collection, or all.

    Raises:
        DataError: there is none.
    """
    if source is None:
        return dataset
    rows = dataset.table[dataset.table["source"] == source].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"no image in the data folder is from {source}. Leave --source out.")
    return replace(dataset, table=rows)


def require_counts(options: argparse.Namespace, *names: str) -> None:
    """Check that options which count something, if they are given, are at least 1.

    Raises:
        ConfigError: one is not.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} is {value}; it must be at least 1.")


def bench_of(dataset: Dataset, split: Split, options: argparse.Namespace, *, part: str) -> "Bench":
    """What is the same for all presets that are trained with these options."""
    from model.presets.bench import Bench  # loads Keras

    return Bench(
        dataset,
        split,
        part=part,
        budget=options.budget,
        side=options.side,
        weights_dir=options.weights_dir,
        download=options.download,
        untrained=options.weights == "none",
        out=options.out,
        cache_dir=options.cache,
        task=options.task,
    )


def _bench(
    presets: Sequence[Preset], dataset: Dataset, split: Split, options: argparse.Namespace
) -> None:
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.presets.bench import with_fewer
    from model.presets.page import bench_table, draw_presets, page_markdown

    fewer = with_fewer(split, dataset.table, options.limit)
    bench = bench_of(dataset, fewer, options, part=options.part)
    table = bench_table(
        bench, presets, command_of=lambda name: words(options, presets=name, download=True)
    )
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "presets.csv", index=False, float_format="%.4f")
    draw_presets(table, options.out / "presets.png")
    page = page_markdown(bench, table, presets, command=words(options))
    (options.out / "presets.md").write_text(page, encoding="utf-8")


def words(options: argparse.Namespace, **changed: object) -> str:
    """Write the options as a command line, with DIR or FILE for every path of this machine."""
    given = vars(options) | changed
    line = ["python -m model bench-presets --data DIR"]
    for name in (
        *("budget", "presets", "task", "side", "limit", "source", "split", "part"),
        *("weights_dir", "weights", "download"),
    ):
        value = given[name]
        if value is None or value is False or (name, value) == ("part", "validation"):
            continue
        if isinstance(value, Path):
            value = "DIR"
        if name == "split" and not is_shares(value):
            value = "FILE"
        text = "" if value is True else f" {value}"
        line.append(f"--{name.replace('_', '-')}{text}")
    return " ".join(line)
