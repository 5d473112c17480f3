"""Evaluate a bundle on a part of a data folder: metrics, subgroups, calibration, failures.

Writes OUT/report.json (see docs/report.md), OUT/report.html and figures, and prints the headline
figures. --part all takes every image of the folder, for data that the bundle was not trained on.
Pictures in OUT show photographs of the data folder: its licence applies to them.

example: python -m model evaluate --data DIR --part test --out report
"""

import argparse
import json
import sys

import pandas as pd

from model.cli.options import add_bundle, add_cache, add_data_folders, add_out, add_part
from model.data.dataset import read_folders
from model.data.split import PARTS, Split
from model.inference.bundle import read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    add_part(parser, "test", choices=(*PARTS, "all"))
    add_out(parser, "folder of the report")
    add_bundle(parser)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="skip steadiness, robustness and the check of explanations",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="alter all photographs to see how answers move, not a sample of 200 lesions",
    )
    parser.add_argument(
        "--store", action="store_true", help="write the main figures into the bundle's manifest"
    )
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate, write and print."""
    manifest = read_manifest(options.bundle)
    dataset = read_folders(options.data, task=manifest.task.name, fields=manifest.patient.fields)
    print(dataset.summary(), file=sys.stderr)
    table = part_table(manifest.split, options.part, dataset.table)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.card import store_metrics
    from model.evaluation.report import run_evaluation
    from model.evaluation.report_text import report_text

    report = run_evaluation(
        table,
        bundle=options.bundle,
        part=options.part,
        out=options.out,
        masks=[folder / "masks" for folder in options.data],
        cache_dir=options.cache,
        quick=options.quick,
        full=options.full,
    )
    path = options.out / "report.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.store:
        store_metrics(options.bundle, report)
    print(report_text(report))
    print(f"\nwrote {path}")
    return 0


def part_table(split: Split, part: str, table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of a part, or all of them."""
    return table if part == "all" else split.part(part, table)
