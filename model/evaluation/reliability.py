"""Calibration: how well probabilities match observed frequencies.

The expected calibration error (ECE) is the mean gap between the confidence
and the accuracy, over bins of the probability: bins of equal width (Guo et al.
2017) or of equal numbers of images (Nguyen and O'Connor 2015).
"""

import numpy as np

from model.evaluation.intervals import Interval, LesionBootstrap, centred, interval

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
