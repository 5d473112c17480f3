"""Thresholds for a yes-or-no question, set on validation images and then left alone.

The questions: is it a melanoma; is it malignant. The score is the summed probability of the
classes meant, and "yes" is a score of at least the threshold.
"""

import math
from collections.abc import Sequence

import numpy as np

QUESTIONS = {"melanoma": ("MEL",), "malignant": ("MEL", "BCC", "SCC", "MALIGNANT")}
"""Classes that mean "yes". Actinic keratosis, a precursor, counts as not malignant, except in the
one class MALIGNANT of the task of that name."""

LEVELS = (0.80, 0.90, 0.95)


def question_scores(probabilities: np.ndarray, codes: Sequence[str], question: str) -> np.ndarray:
    """Summed probability (N,) of the classes that mean "yes"."""
    return probabilities[:, _columns(codes, question)].sum(axis=1)


def question_truth(labels: np.ndarray, codes: Sequence[str], question: str) -> np.ndarray:
    """Which of the labels (N,) mean "yes": bool."""
    return np.isin(labels, _columns(codes, question))


def point_name(aim: str, level: float) -> str:
    """Name of the point at which ``aim`` reaches ``level``, as ``at_90_specificity``."""
    return f"at_{level:.0%}_{aim}".replace("%", "")


def fit_operating_points(
    probabilities: np.ndarray, labels: np.ndarray, codes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Find the thresholds of all questions and points: question → name of the point → threshold.

    A question for which one side has no image is left out. So is one that comes down to another:
    where all but melanoma is one class, nobody can tell what of it is malignant.
    """
    points, asked = {}, []
    for question in QUESTIONS:
        columns = _columns(codes, question)
        if columns in asked:
            continue
        asked.append(columns)
        scores = question_scores(probabilities, codes, question)
        yes = question_truth(labels, codes, question)
        if yes.any() and not yes.all():
            points[question] = _points(scores[yes], scores[~yes])
    return points


def threshold_at_sensitivity(yes_scores: np.ndarray, level: float) -> float:
    """Highest threshold that at least ``level`` of the "yes" images reach."""
    needed = math.ceil(level * len(yes_scores) - 1e-9)
    return float(np.sort(yes_scores)[::-1][needed - 1])


def threshold_at_specificity(no_scores: np.ndarray, level: float) -> float:
    """Lowest threshold that at least ``level`` of the "no" images stay below."""
    needed = math.ceil(level * len(no_scores) - 1e-9)
    return float(np.nextafter(np.sort(no_scores)[needed - 1], np.inf))


def _points(yes_scores: np.ndarray, no_scores: np.ndarray) -> dict[str, float]:
    specific = {
        point_name("specificity", x): threshold_at_specificity(no_scores, x) for x in LEVELS
    }
    sensitive = {
        point_name("sensitivity", x): threshold_at_sensitivity(yes_scores, x) for x in LEVELS
    }
    return specific | sensitive


def _columns(codes: Sequence[str], question: str) -> list[int]:
    return [number for number, code in enumerate(codes) if code in QUESTIONS[question]]
