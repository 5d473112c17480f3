"""Time the statistics of a report on simulated answers; the network does not run.

Prints seconds for 10,000 predictions and 2,000 draws; below 60 s on two cores is expected.

example: taskset -c 0,1 python benchmarks/evaluate.py
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from model.data.split import Split
from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.evaluation.evaluate import evaluate, outcome_of
from model.evaluation.intervals import DRAWS
from model.image import ImagePreprocessor
from model.inference.bundle import Manifest
from model.inference.calibration import fit_operating_points
from model.inference.conformal import fit_set_thresholds
from model.patient import Patient, PatientEncoder
from model.tasks import TASKS

SHARES = [0.2, 0.45, 0.14, 0.04, 0.1, 0.02, 0.02, 0.03]  # about those of ISIC 2019


def simulate(count: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Make a table, class numbers and probabilities of about real difficulty."""
    rng = np.random.default_rng(0)
    labels = rng.choice(8, count, p=SHARES)
    odds = np.exp(rng.normal(0, 1, (count, 8)) + 2 * np.eye(8)[labels])
    table = pd.DataFrame(
        {
            "image": [f"I{n}" for n in range(count)],
            "lesion_id": rng.integers(int(count * 0.6), size=count).astype(str),
            "age_approx": rng.uniform(10, 90, count),
            "sex": rng.choice(["female", "male"], count),
            "anatom_site_general": rng.choice(["head/neck", "anterior torso"], count),
            "diagnosis": [DIAGNOSES[n] for n in labels],
            "source": rng.choice(["HAM", "BCN", "MSK"], count),
        }
    )
    return table, labels, odds / odds.sum(axis=1, keepdims=True)


def made_up_manifest(labels: np.ndarray, probabilities: np.ndarray) -> Manifest:
    """Thresholds as a bundle would store them."""
    sets = fit_set_thresholds(probabilities, labels)
    return Manifest(
        name="simulated",
        classes=DIAGNOSIS_NAMES,
        image=ImagePreprocessor(128),
        patient=PatientEncoder.fit([Patient(age=50.0)]),
        temperature=1.2,
        split=Split((), (), (), "none", 0),
        training={},
        data={},
        operating_points=fit_operating_points(probabilities, labels, TASKS["isic2019"]),
        prediction_sets={
            "coverage": 0.9,
            "thresholds": dict(zip(DIAGNOSES, sets.tolist(), strict=True)),
        },
    )


def main() -> None:
    """Simulate, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=DRAWS)
    options = parser.parse_args()
    table, labels, probabilities = simulate(options.images)
    manifest = made_up_manifest(labels, probabilities)
    start = time.perf_counter()
    evaluate(outcome_of(table, probabilities, manifest, draws=options.draws))
    seconds = time.perf_counter() - start
    print(f"{options.images:,} predictions, {options.draws:,} draws: {seconds:.1f} s")


if __name__ == "__main__":
    main()
