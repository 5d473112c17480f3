"""Figures of merit in plain numpy.

Probabilities are (N, classes), labels are class numbers (N,), scores are (N,) with higher meaning
more likely. A figure that the data cannot give, such as the recall of a class without an image or
the AUC where one side is empty, is NaN: never 0 and never 1, and a mean leaves it out.
"""

from collections.abc import Callable, Sequence

import numpy as np


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide counts or sums of one shape; NaN where the whole is 0."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Count images: int (classes, classes), rows the truth, columns the prediction."""
    pairs = labels * classes + predictions
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of right predictions; of a stack (..., classes, classes) one each."""
    return share(_hits(confusion).sum(-1), confusion.sum((-2, -1)))


def recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's images that are found (its sensitivity): (..., classes)."""
    return share(_hits(confusion), confusion.sum(-1))


def precision(confusion: np.ndarray) -> np.ndarray:
    """Share of the predictions of each class that are right: (..., classes)."""
    # A class that is never predicted has no precision; scikit-learn would say 0.
    return share(_hits(confusion), confusion.sum(-2))


def specificity(confusion: np.ndarray) -> np.ndarray:
    """Share of the other classes' images that are not given each class: (..., classes)."""
    others = confusion.sum((-2, -1))[..., None] - confusion.sum(-1)
    wrong = confusion.sum(-2) - _hits(confusion)
    return share(others - wrong, others)


def f1(confusion: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall: (..., classes).

    A class that has images but is never predicted gets 0, one without images NaN.
    """
    images = confusion.sum(-1)
    scores = share(2 * _hits(confusion), images + confusion.sum(-2))
    return np.where(images > 0, scores, np.nan)


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean recall over the classes that have images, the challenge's ranking figure."""
    return mean_of_known(recall(confusion))


def roc_auc(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    Args:
        positive: bool, (N,).
        scores: (N,).
        weights: of the images, (N,) or (draws, N); the result is a scalar or (draws,).
    """
    gained, lost = _by_score(positive, scores, weights)
    passed = np.cumsum(lost, axis=-1)
    # From the highest score down: a group of equal scores beats all negatives that come later,
    # and half of its own.
    beaten = passed[..., -1:] - passed + lost / 2
    return share((gained * beaten).sum(-1), gained.sum(-1) * passed[..., -1])


def average_precision(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Mean precision at each gain in recall, without interpolation; arguments of ``roc_auc``."""
    gained, lost = _by_score(positive, scores, weights)
    found = np.cumsum(gained, axis=-1)
    named = found + np.cumsum(lost, axis=-1)
    precisions = np.divide(found, named, out=np.zeros_like(named), where=named > 0)
    return share((gained * precisions).sum(-1), found[..., -1])


def one_against_rest(
    figure: Callable[..., np.ndarray],
    probabilities: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Apply ``roc_auc`` or ``average_precision`` to every class: (classes,) or (draws, classes)."""
    columns = range(probabilities.shape[1])
    found = [figure(labels == c, probabilities[:, c], weights) for c in columns]
    return np.stack(found, axis=-1)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    return share(np.where(known, values, 0.0).sum(-1), known.sum(-1))


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _by_score(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of positives and negatives, summed over equal scores, highest score first."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sides = []
    for side in (positive, ~positive):
        kept = side[order].astype(np.float32 if weights is not None else float)
        weighed = kept if weights is None else weights[..., order] * kept
        sides.append(weighed if len(starts) == len(order) else _sum_groups(weighed, starts))
    return sides[0], sides[1]


def _sum_groups(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, starts, axis=-1)


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
