"""Draw lesion-disjoint splits of a data folder, or check saved ones.

Draws train / validation / test 70 / 15 / 15, or as --split says, into one file; with --folds or
--leave-source-out, a folder of such files. Identical and near duplicate photographs count as one
lesion. A folder that is already divided into train/ and test/ keeps its test part, unless --split
is given.

example: python -m model split --data DIR --out split.json --seed 1
example: python -m model split --data DIR --out split.json --split 80/10/10
example: python -m model split --data DIR --folds 5 --out folds
example: python -m model split --data DIR --check folds/*.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.cli.options import add_cache, add_data_folders, add_number, add_task
from model.data.dataset import Dataset, read_folders
from model.data.duplicates import groups_of
from model.data.split import PARTS, Split
from model.data.splitters import SHARES, draw_folds, draw_source_splits, draw_split, own_split
from model.errors import SplitError

_NEAR = 2  # percentage points by which a part may miss its share without a word


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "--out", type=Path, metavar="PATH", help="JSON file of the split, or folder of several"
    )
    action.add_argument(
        "--check", type=Path, metavar="SPLIT", nargs="+", help="check these saved splits"
    )
    series = parser.add_mutually_exclusive_group()
    series.add_argument(
        "--split",
        metavar="SHARES",
        help=f"per cent of the images for train, validation and test (default {SHARES})",
    )
    series.add_argument("--folds", type=int, metavar="K", help="draw K splits for cross-validation")
    series.add_argument(
        "--leave-source-out",
        action="store_true",
        help="draw one split per source, which is its test part",
    )
    add_number(parser, "--seed", "of the random draw", default=2019)
    add_task(parser)
    add_cache(parser, "hashes of images")


def run(options: argparse.Namespace) -> int:
    """Draw or check, and print the sizes of the parts."""
    dataset = read_folders(options.data, task=options.task)
    print(dataset.summary(), file=sys.stderr)
    groups = groups_of(dataset.table, cache_dir=options.cache)
    if options.check:
        splits = {path: Split.load(path) for path in options.check}
        for path, split in splits.items():
            _check(path, split, dataset, groups)
    else:
        splits = _draw(dataset, groups, options)
        for path, split in splits.items():
            split.save(path)
    for path, split in splits.items():
        sizes = [len(getattr(split, part)) for part in PARTS]
        named = ", ".join(f"{part} {size:,}" for part, size in zip(PARTS, sizes, strict=True))
        print(f"{path}: {named} images")
        if options.split and (missed := missed_shares(options.split, sizes)):
            print(f"note: {missed}", file=sys.stderr)
    return 0


def missed_shares(shares: str, sizes: Sequence[int]) -> str:
    """Say that the parts are not of the shares that were asked for; empty if they are, or nearly.

    Whole lesions of every diagnosis go into each part, which in small folders moves the shares.
    """
    asked = [int(share) for share in shares.split("/")]
    found = [100 * size / sum(sizes) for size in sizes]
    if all(abs(a - f) <= _NEAR for a, f in zip(asked, found, strict=True)):
        return ""
    return (
        f"asked for {shares} per cent of the images, the parts have "
        f"{'/'.join(f'{share:.0f}' for share in found)}, since lesions stay whole and every part "
        "needs one of each diagnosis. Add images, or choose larger shares."
    )


def _draw(dataset: Dataset, groups: np.ndarray, options: argparse.Namespace) -> dict[Path, Split]:
    out, table, seed = options.out, dataset.table, options.seed
    if options.folds is not None:
        folds = draw_folds(table, groups, folds=options.folds, seed=seed)
        return {out / f"fold_{number}.json": split for number, split in enumerate(folds, 1)}
    if options.leave_source_out:
        splits = draw_source_splits(table, groups, seed=seed)
        return {out / f"without_{source}.json": split for source, split in splits.items()}
    if options.split:
        return {out: draw_split(table, groups, seed=seed, shares=options.split)}
    return {out: own_split(table, groups, seed=seed)}


def _check(path: Path, split: Split, dataset: Dataset, groups: np.ndarray) -> None:
    split.check(dataset.table, groups)
    covered = split.parts_of(dataset.table).notna().sum()
    if not covered:
        raise SplitError(
            f"{path} lists none of the {len(dataset.table)} images of the data folder, so there "
            "is nothing to check. Give the folder that the split was drawn from."
        )
    print(
        f"{path}: no lesion and no duplicate photograph is in two parts; {covered:,} of the "
        f"folder's {len(dataset.table):,} images are listed"
    )
