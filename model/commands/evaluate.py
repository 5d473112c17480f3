"""Judge a bundle on a part of a data folder: how good, for whom, how sure, where it fails.

Writes OUT/report.json (see docs/report.md), OUT/report.html and figures, and prints the headline
figures. --part all takes every image of the folder, for data that the bundle has not seen.
Pictures in OUT show photographs of the data folder: its licence applies to them.

example: python -m model evaluate --data DIR --part test --out report
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from model.data.dataset import read_folder
from model.data.split import PARTS, Split
from model.prediction.bundle import RELEASED, read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="test", help="default: test")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument(
        "--bundle", type=Path, default=RELEASED, help="bundle (default: the shipped one)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out robustness and the check of explanations"
    )
    parser.add_argument(
        "--store", action="store_true", help="write the main figures into the bundle's manifest"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), help="prepared images (default .cache)"
    )


def run(options: argparse.Namespace) -> int:
    """Evaluate, write and print."""
    manifest = read_manifest(options.bundle)
    table = part_table(manifest.split, options.part, read_folder(options.data).table)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.report import run_evaluation
    from model.evaluation.report_text import report_text
    from model.evaluation.stored_metrics import store_metrics

    report = run_evaluation(
        table,
        bundle=options.bundle,
        part=options.part,
        out=options.out,
        masks=options.data / "masks",
        cache_dir=options.cache,
        quick=options.quick,
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
