"""Train the presets, earlier systems rebuilt, on one lesion-disjoint split and compare them.

Writes presets.csv, presets.md and presets.png to --out. A preset that is finished there is not
trained again, so the same command goes on after an interruption. Judged on the validation part
unless --part says otherwise. A preset that starts from ImageNet weights takes them from
--weights-dir (BACKBONE_notop.weights.h5), or with --download from Keras; else it is not run.

example: python -m model bench-presets --data DIR --budget 10 --side 96 --out runs/presets
example: python -m model bench-presets --list
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.commands.train import split_of
from model.data.dataset import SOURCES, Dataset, read_folder
from model.data.split import PARTS, Split
from model.errors import ConfigError, DataError
from model.presets.preset import Preset, load_preset, preset_names, presets_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--list", action="store_true", help="only list the presets")
    parser.add_argument("--data", type=Path, help="data folder")
    parser.add_argument("--budget", type=int, metavar="EPOCHS", help="epochs of each preset")
    parser.add_argument("--presets", metavar="A,B", help="some of them (default all)")
    parser.add_argument("--side", type=int, metavar="PX", help="largest side of the images")
    parser.add_argument("--limit", type=int, metavar="N", help="most training images, drawn once")
    parser.add_argument("--source", choices=SOURCES, help="images of one collection only")
    parser.add_argument("--part", choices=PARTS, default="validation", help="default: validation")
    parser.add_argument("--weights-dir", type=Path, help="folder of ImageNet weights")
    parser.add_argument("--download", action="store_true", help="let Keras fetch ImageNet weights")
    parser.add_argument("--split", type=Path, help="saved split, instead of the default")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/presets"), help="default runs/presets"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), help="prepared images (default .cache)"
    )


def run(options: argparse.Namespace) -> int:
    """Train and compare, or list."""
    if options.list:
        print(presets_text())
        return 0
    presets = chosen_presets(options.presets)
    if options.data is None or options.budget is None:
        raise ConfigError("--data and --budget are needed. Give a data folder and the epochs.")
    require_counts(options, "budget", "limit")
    dataset = of_source(read_folder(options.data), options.source)
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


def of_source(dataset: Dataset, source: str | None) -> Dataset:
    """Keep the images of one collection, or all.

    Raises:
        DataError: there is none.
    """
    if source is None:
        return dataset
    rows = dataset.table[dataset.table["source"] == source].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"no image of the data folder is from {source}. Leave --source out.")
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


def _bench(
    presets: Sequence[Preset], dataset: Dataset, split: Split, options: argparse.Namespace
) -> None:
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.presets.bench import Bench, with_fewer
    from model.presets.figure import draw_presets
    from model.presets.page import page_markdown
    from model.presets.table import bench_table

    bench = Bench(
        dataset,
        with_fewer(split, dataset.table, options.limit),
        part=options.part,
        budget=options.budget,
        side=options.side,
        weights_dir=options.weights_dir,
        download=options.download,
        out=options.out,
        cache_dir=options.cache,
    )
    table = bench_table(
        bench, presets, command_of=lambda name: words(options, presets=name, download=True)
    )
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "presets.csv", index=False, float_format="%.4f")
    draw_presets(table, options.out / "presets.png")
    page = page_markdown(bench, table, presets, command=words(options))
    (options.out / "presets.md").write_text(page, encoding="utf-8")


def words(options: argparse.Namespace, **changed: object) -> str:
    """Write the options as a command line, with DIR for every folder of this machine."""
    given = vars(options) | changed
    line = ["python -m model bench-presets --data DIR"]
    for name in ("budget", "presets", "side", "limit", "source", "part", "weights_dir", "download"):
        value = given[name]
        if value is None or value is False or (name, value) == ("part", "validation"):
            continue
        text = "" if value is True else f" {'DIR' if isinstance(value, Path) else value}"
        line.append(f"--{name.replace('_', '-')}{text}")
    return " ".join(line)
