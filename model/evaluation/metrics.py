"""Figures of merit in plain numpy.

Probabilities are (N, classes), labels are class numbers (N,), scores are (N,) with higher meaning
more likely. A figure that the data cannot give, such as the recall of a class without an image or
the AUC where one side is empty, is NaN: never 0 and never 1, and a mean leaves it out.
"""

from collections.abc import Callable, Sequence

import numpy as np

from model.evaluation.intervals import Interval, LesionBootstrap, centred, interval


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


BINS = 15
_TINY = 1e-12


def equal_width_edges(confidence: np.ndarray) -> np.ndarray:
    """Inner edges of the bins, (BINS - 1,), whatever the confidence."""
    return np.linspace(0, 1, BINS + 1)[1:-1]


def equal_mass_edges(confidence: np.ndarray) -> np.ndarray:
    """Inner edges of bins that hold as many images each, (BINS - 1,); ties stay together."""
    return np.quantile(confidence, np.linspace(0, 1, BINS + 1)[1:-1])


def binned(confidence: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Put each image's value into the column of its bin: (N, bins)."""
    columns = np.searchsorted(edges, confidence, side="right")
    return np.eye(len(edges) + 1)[columns] * values[:, None]


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, edges: np.ndarray, bootstrap: LesionBootstrap
) -> np.ndarray:
    """ECE of the sample and of every draw, (1 + draws,), in the same bins.

    Args:
        confidence: highest probability, (N,).
        right: bool, (N,).
        edges: inner edges of the bins.
        bootstrap: of the same N images.
    """
    gaps = bootstrap.sums(binned(confidence, confidence - right, edges))
    images = bootstrap.sums(np.ones(len(right)))
    return np.abs(gaps).sum(axis=1) / images


def reliability_bins(
    confidence: np.ndarray, right: np.ndarray, edges: np.ndarray
) -> list[dict[str, float]]:
    """Images, mean confidence and accuracy of every bin that has images."""
    columns = np.searchsorted(edges, confidence, side="right")
    bins = [columns == number for number in range(len(edges) + 1)]
    return [
        {
            "images": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
        }
        for inside in bins
        if inside.any()
    ]


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, bootstrap: LesionBootstrap
) -> dict[str, Interval]:
    """All calibration figures with intervals, of probabilities (N, classes) and labels (N,)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    truth = np.eye(probabilities.shape[1])[labels]
    brier = np.square(probabilities - truth).sum(axis=1)
    likelihood = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _TINY))
    images = bootstrap.sums(np.ones(len(labels)))
    by_mass = calibration_error(confidence, right, equal_mass_edges(confidence), bootstrap)
    by_width = calibration_error(confidence, right, equal_width_edges(confidence), bootstrap)
    return {
        "ece": interval(centred(by_mass)),
        "ece_equal_width": interval(centred(by_width)),
        "classwise_ece": interval(centred(_classwise(probabilities, truth, bootstrap))),
        "brier": interval(bootstrap.sums(brier) / images),
        "nll": interval(bootstrap.sums(likelihood) / images),
    }


def _classwise(
    probabilities: np.ndarray, truth: np.ndarray, bootstrap: LesionBootstrap
) -> np.ndarray:
    """Mean over the classes of the error of each class's own probability, equal-mass bins."""
    errors = [
        calibration_error(column, truth[:, c], equal_mass_edges(column), bootstrap)
        for c, column in enumerate(probabilities.T)
    ]
    return np.mean(errors, axis=0)
