"""Draw a lesion-disjoint split of a data folder (70 / 15 / 15), or check one.

Identical and near duplicate photographs count as one lesion.

example: python -m model split --data DIR --out split.json --seed 1
"""

import argparse
from pathlib import Path

import numpy as np

from model.dataset import Dataset, read_folder
from model.duplicates import duplicate_pairs, lesion_groups
from model.split import PARTS, Split, draw_split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, help="write the split here, as JSON")
    action.add_argument("--check", type=Path, metavar="SPLIT", help="check this saved split")
    parser.add_argument("--seed", type=int, default=2019)


def run(options: argparse.Namespace) -> int:
    """Draw or check, and print the sizes of the parts."""
    dataset = read_folder(options.data)
    groups = groups_of(dataset)
    if options.check:
        split = Split.load(options.check)
        split.check(dataset.table, groups)
        print("no lesion and no duplicate photograph is in two parts")
    else:
        split = draw_split(dataset.table, groups, seed=options.seed)
        split.save(options.out)
    for part in PARTS:
        print(f"{part:<10} {len(getattr(split, part)):>6} images")
    return 0


def groups_of(dataset: Dataset) -> np.ndarray:
    """Number the lesion groups of a dataset, duplicates included: int, shape (N,)."""
    pairs = duplicate_pairs(dataset.table["path"].tolist())
    return lesion_groups(dataset.table["lesion_id"].tolist(), pairs)
