"""The headline figures of any selection of images, in every bootstrap draw."""

import numpy as np

from model.evaluation.intervals import centred
from model.evaluation.metrics import mean_of_known, one_against_rest, roc_auc, share
from model.evaluation.outcome import Outcome
from model.evaluation.reliability import binned, equal_mass_edges
from model.inference.calibration import MELANOMA, point_name

POINT = point_name("specificity", 0.90)
"""Operating point of the melanoma sensitivity."""

_MELANOMA = "MEL"


def headline_draws(outcome: Outcome, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of the rows (bool, (N,)): name → (1 + draws,); the recalls (1 + draws, classes).

    - balanced_accuracy, accuracy; macro_auc over the classes that have images and others
    - melanoma_auc; melanoma_sensitivity and melanoma_specificity at the threshold that gave 90 %
      specificity on validation images; absent where no class is MEL
    - ece in bins of equal mass; coverage and set_size of the prediction sets
    """
    sums = _sums(outcome, rows)
    images = sums["image"]
    recalls = share(sums["hit"], sums["case"])
    aucs = _aucs(outcome, rows)
    return {
        "balanced_accuracy": mean_of_known(recalls),
        "accuracy": share(sums["hit"].sum(axis=1), images),
        "macro_auc": mean_of_known(aucs),
        **_melanoma_draws(outcome, aucs, sums),
        "ece": centred(share(np.abs(sums["gap"]).sum(axis=1), images)),
        "coverage": share(sums["covered"], images),
        "set_size": share(sums["set_size"], images),
        "recalls": recalls,
    }


def _melanoma_draws(
    outcome: Outcome, aucs: np.ndarray, sums: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    if _MELANOMA not in outcome.codes:
        return {}
    return {
        "melanoma_auc": aucs[:, outcome.codes.index(_MELANOMA)],
        "melanoma_sensitivity": share(sums["found"], sums["melanoma"]),
        "melanoma_specificity": share(sums["spared"], sums["image"] - sums["melanoma"]),
    }


def _sums(outcome: Outcome, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Sums over the rows, of which all but the AUCs are functions."""
    truth = np.eye(len(outcome.codes))[outcome.labels]
    edges = equal_mass_edges(outcome.confidence[rows])
    features = {
        "image": np.ones(len(rows)),
        "case": truth,
        "hit": truth * outcome.right[:, None],
        "gap": binned(outcome.confidence, outcome.confidence - outcome.right, edges),
        "covered": outcome.sets[np.arange(len(rows)), outcome.labels],
        "set_size": outcome.sets.sum(axis=1),
        **_melanoma_features(outcome),
    }
    columns = [values.reshape(len(rows), -1) for values in features.values()]
    ends = np.cumsum([column.shape[1] for column in columns])
    summed = outcome.bootstrap.sums(np.concatenate(columns, axis=1) * rows[:, None])
    parts = np.split(summed, ends[:-1], axis=1)
    return {
        name: part[:, 0] if values.ndim == 1 else part
        for (name, values), part in zip(features.items(), parts, strict=True)
    }


def _melanoma_features(outcome: Outcome) -> dict[str, np.ndarray]:
    if _MELANOMA not in outcome.codes:
        return {}
    # Without melanomas in the validation part there is no threshold, and so no figure.
    threshold = outcome.points.get(MELANOMA, {}).get(POINT)
    melanoma, called = outcome.answers(MELANOMA, threshold or 0.0)
    known = 1.0 if threshold is not None else np.nan
    return {
        "melanoma": melanoma,
        "found": (melanoma & called) * known,
        "spared": (~melanoma & ~called) * known,
    }


def _aucs(outcome: Outcome, rows: np.ndarray) -> np.ndarray:
    probabilities, labels = outcome.probabilities[rows], outcome.labels[rows]
    return outcome.bootstrap.of_weights(
        lambda weights: one_against_rest(roc_auc, probabilities, labels, weights), rows
    )
