"""What photographs of poorer quality cost: figures against the severity of a change."""

import numpy as np

from model.data.dataset import table_patients
from model.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from model.evaluation.evaluate import judge
from model.evaluation.headline import headline_draws
from model.evaluation.intervals import interval
from model.evaluation.outcome import Outcome
from model.inference.predictor import Predictor

_PER_CLASS = 80  # images; all changes together are 50 runs of the network over the sample
_DRAWS = 500
_SHOWN = ("balanced_accuracy", "melanoma_sensitivity")


def check_robustness(predictor: Predictor, outcome: Outcome, images: np.ndarray) -> dict:
    """Balanced accuracy, and melanoma sensitivity if known, at every severity of every change.

    Measured on at most 80 images a class, drawn once; severity 0 is the unchanged sample, so
    only differences within this table can be read, not its level.
    """
    chosen = sample_per_class(outcome.labels)
    sample = np.asarray(images[chosen])
    table = outcome.table.iloc[chosen].reset_index(drop=True)
    patients = table_patients(table, predictor.manifest.patient.fields)

    def measure(name: str, severity: int) -> dict:
        changed = corrupt(sample, name, severity)
        found = judge(
            table,
            predictor.predict_images(changed, patients),
            predictor.manifest,
            draws=_DRAWS,
        )
        figures = headline_draws(found, np.ones(len(table), bool))
        return {"severity": severity} | {
            key: interval(figures[key]) for key in _SHOWN if key in figures
        }

    unchanged = measure("", 0)
    return {
        "images": len(chosen),
        "changes": {
            name: [unchanged, *(measure(name, severity) for severity in SEVERITIES)]
            for name in CORRUPTIONS
        },
    }


def sample_per_class(labels: np.ndarray, *, most: int = _PER_CLASS, seed: int = 0) -> np.ndarray:
    """Draw at most so many images of every class; their positions, sorted."""
    order = np.random.default_rng(seed).permutation(len(labels))
    kept = [order[labels[order] == label][:most] for label in np.unique(labels)]
    return np.sort(np.concatenate(kept))
