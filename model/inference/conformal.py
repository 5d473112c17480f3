"""Conformal prediction: sets of diagnoses that contain the true one with a stated probability.

Class-conditional split conformal prediction (Vovk 2012, "Conditional validity of inductive
conformal predictors"; Sadinle et al. 2019): a class belongs to an image's set when its
probability reaches the class's own threshold, set so that the wanted share of that class's
validation images reach it. The coverage is guaranteed for images drawn like the validation images,
not for other clinics or cameras.
"""

import math
from collections.abc import Sequence

import numpy as np

COVERAGE = 0.90


def fit_set_thresholds(
    probabilities: np.ndarray, labels: np.ndarray, *, coverage: float = COVERAGE
) -> np.ndarray:
    """Find each class's threshold, (classes,), on held-out images.

    A class with too few images for a guarantee gets 0: it is in every set.
    """
    thresholds = np.zeros(probabilities.shape[1])
    for number in range(len(thresholds)):
        scores = np.sort(probabilities[labels == number, number])
        # One more image than there are, since the next one counts as well.
        missed = math.floor((len(scores) + 1) * (1 - coverage) + 1e-9)
        if missed:
            thresholds[number] = scores[missed - 1]
    return thresholds


def prediction_sets(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Tell which classes are in each image's set: bool (N, classes).

    The most probable class is always in, so that no set is empty; that only adds coverage.
    """
    sets = probabilities >= np.asarray(thresholds)
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return sets
