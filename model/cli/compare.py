"""Compare bundles on the same images, with paired 95 % confidence intervals by lesion.

Only images in the given part of every bundle's own split are used, so that no bundle was trained on
any of them; all bundles must be of one task. Operating points and prediction sets are each bundle's
own.

example: python -m model compare runs/a/bundle runs/b/bundle --data DIR --part validation
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from model.cli.options import add_cache, add_data, add_part
from model.data.dataset import read_folder
from model.errors import DataError
from model.inference.bundle import Manifest, read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundles", type=Path, metavar="BUNDLE", nargs="+", help="two or more; the first is the base"
    )
    add_data(parser)
    add_part(parser, "validation")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Predict with every bundle and compare."""
    if len(set(options.bundles)) < 2:
        raise DataError("a comparison needs at least two different bundles. Name another one.")
    manifests = [read_manifest(bundle) for bundle in options.bundles]
    table = shared_part(manifests, options.part, read_for_all(manifests, options.data))
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.outcome import compare, compare_text
    from model.evaluation.report import predict_outcome

    outcomes = {
        str(bundle): predict_outcome(table, bundle=bundle, cache_dir=options.cache)
        for bundle in options.bundles
    }
    found = compare(outcomes)
    print(f"{options.part} part: {len(table)} images\n\n{compare_text(found)}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def read_for_all(manifests: list[Manifest], data: Path) -> pd.DataFrame:
    """Read the images whose label has a class in the bundles' task.

    Raises:
        DataError: the bundles are of different tasks, so that their figures mean different things.
    """
    tasks = [manifest.task for manifest in manifests]
    if len({(task.name, frozenset(task.classes)) for task in tasks}) > 1:
        shown = "; ".join(f"{task.name}: {', '.join(task.classes)}" for task in tasks)
        raise DataError(
            f"the bundles are of different tasks ({shown}), so the same figure is a different "
            "measurement for each. Compare bundles of one task, or evaluate each alone with: "
            "python -m model evaluate"
        )
    table = read_folder(data, task=tasks[0].name).table
    return table[tasks[0].has_class(table["diagnosis"])].reset_index(drop=True)


def shared_part(manifests: list[Manifest], part: str, table: pd.DataFrame) -> pd.DataFrame:
    """Select the images that are in this part of every bundle's split.

    Raises:
        DataError: there is none.
    """
    shared = set.intersection(*(set(getattr(m.split, part)) for m in manifests))
    rows = table[table["image"].isin(shared)].reset_index(drop=True)
    if rows.empty:
        raise DataError(
            f"no image of the data folder is in the {part} part of all {len(manifests)} bundles. "
            "Compare bundles that were trained on the same split."
        )
    return rows
