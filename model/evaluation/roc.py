"""ROC curves of the classes, each against all others, at a few fixed places."""

from collections.abc import Sequence

import numpy as np

_RATES = np.linspace(0, 1, 51) ** 2
"""False-positive rates; closer together near 0, where curves are steep."""


def roc_curves(
    probabilities: np.ndarray, labels: np.ndarray, codes: Sequence[str]
) -> dict[str, list[float] | dict[str, list[float]]]:
    """Sensitivity of each class at the ``false_positive_rate`` of 51 places, for JSON.

    A place gets the highest sensitivity that a threshold of at most its rate gives. Classes
    without an image, or with all of them, are left out.
    """
    curves = {}
    for number, code in enumerate(codes):
        positive = labels == number
        if positive.any() and not positive.all():
            curves[code] = _sensitivities(positive, probabilities[:, number]).round(4).tolist()
    return {"false_positive_rate": _RATES.round(4).tolist(), "sensitivity": curves}


def _sensitivities(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Sensitivity (51,) of "yes" where the score reaches the lowest allowed threshold."""
    order = np.argsort(-scores, kind="stable")
    last_of_equal = np.r_[np.diff(scores[order]) != 0, True]
    found = np.cumsum(positive[order])[last_of_equal] / positive.sum()
    alarmed = np.cumsum(~positive[order])[last_of_equal] / (~positive).sum()
    # Rates are shares of few images, so a place just below one by rounding is meant to reach it.
    allowed = np.searchsorted(np.r_[0, alarmed], _RATES + 1e-9, side="right") - 1
    return np.r_[0, found][allowed]
