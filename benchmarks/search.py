"""Hyperband beside random search on the same number of epochs, and what the tuner itself costs.

    python benchmarks/search.py --data DIR --out runs/search

Trains heads on features of the frozen backbone, which are computed once, of the data folder's HAM
images; the shipped space, the project's split. The same command resumes an interrupted run.
Expect an hour on four idle cores, and a table like the one saved in benchmarks/search.json.
"""

import argparse
import math
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.measuring import machine, save
from model.data.dataset import Dataset, read_folder
from model.data.split import ISIC2019_SPLIT, Split
from model.training.settings import TrainConfig
from model.tuning.search_space import FEATURES_SPACE, Plan, claim_search, read_space
from model.tuning.trial_training import training_of
from model.tuning.trials import best_record, read_records
from model.tuning.tune import TRIALS_DIR, Training, search, write_results

SOURCE = "HAM"
WALL_FILE = "wall_s.txt"


def main() -> None:
    """Search, print and save."""
    options = parse()
    dataset = read_folder(options.data)
    rows = dataset.table[dataset.table["source"] == SOURCE].reset_index(drop=True)
    dataset = replace(dataset, table=rows)
    split = Split.load(ISIC2019_SPLIT).extended(rows)
    base = TrainConfig(
        backbone=options.backbone,
        weights=options.weights,
        image_side=options.side,
        batch_size=options.batch_size,
        epochs=options.epochs,
        head_epochs=options.epochs,
        patience=options.epochs,  # none stops early: the number of epochs is what is compared
    )
    report = machine() | {
        "on": f"cached backbone features of {SOURCE} images",
        "backbone": f"{options.backbone} at {options.side} px",
        "images": {part: len(split.part(part, rows)) for part in ("train", "validation")},
        "epochs_a_trial": options.epochs,
    }
    runs = [
        run
        for seed in range(options.seeds)
        for run in compare(base.with_(seed=seed), dataset, split, options)
    ]
    save("search", report | summary(runs) | {"runs": runs})


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the searches")
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=27, help="most that a trial gets")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def compare(
    base: TrainConfig, dataset: Dataset, split: Split, options: argparse.Namespace
) -> list[dict]:
    """Run Hyperband, then random search with as many epochs or a few more."""
    space = read_space(FEATURES_SPACE, base)
    hyperband = Plan(space, base, features=True)
    training = training_of(hyperband, dataset, split, cache_dir=options.cache)
    # The features, and what TensorFlow does once, are no part of a trial.
    training(base, options.out / f"warm_up_{base.seed}", 1)
    parts = [split.part(part, dataset.table) for part in ("train", "validation")]
    first = run(hyperband, training, options.out / f"hyperband_{base.seed}", parts)
    trials = math.ceil(first["epochs"] / base.epochs)
    random = replace(hyperband, method="random", trials=trials)
    return [first, run(random, training, options.out / f"random_{base.seed}", parts)]


def run(plan: Plan, training: Training, out: Path, parts: list) -> dict:
    """Search, or read what an earlier call found."""
    claim_search(out, plan, parts)
    wall = out / WALL_FILE
    if not wall.exists():
        start = time.perf_counter()
        search(plan, training, out=out)
        wall.write_text(str(time.perf_counter() - start), encoding="utf-8")
        write_results(plan, out)
    records = read_records(out / TRIALS_DIR)
    seconds = sum(record["seconds"] for record in records)
    best = best_record(records)
    return {
        "method": plan.method,
        "seed": plan.base.seed,
        "epochs": sum(record.get("trained_epochs", 0) for record in records),
        "settings_tried": sum(record["promoted_from"] is None for record in records),
        "failed": sum(record["status"] == "failed" for record in records),
        "best_balanced_accuracy": round(best["objective"], 4),
        "minutes": round(float(wall.read_text()) / 60, 1),
        "overhead_percent": round(100 * (float(wall.read_text()) / seconds - 1), 2),
    }


def summary(runs: list[dict]) -> dict:
    """Mean and standard deviation over seeds of each method's best, and the overheads' mean."""
    found = {}
    for method in ("hyperband", "random"):
        mine = [run for run in runs if run["method"] == method]
        values = [run["best_balanced_accuracy"] for run in mine]
        found[f"{method}_best"] = round(mean(values), 4)
        found[f"{method}_best_sd"] = round(stdev(values), 4) if len(values) > 1 else None
        found[f"{method}_overhead_percent"] = round(mean(r["overhead_percent"] for r in mine), 2)
    return found


if __name__ == "__main__":
    main()
