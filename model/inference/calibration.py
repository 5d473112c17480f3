"""Calibrated probabilities, and thresholds for yes-or-no questions on them.

Temperature scaling is that of Guo et al. 2017, "On Calibration of Modern Neural Networks".

Operating points are thresholds, set on validation images and then left alone, for the questions
whether a lesion is a melanoma and whether it is malignant. The score is the summed probability of
those classes, and "yes" is a score of at least the threshold.
"""

import math

import numpy as np

from model.tasks import Task

MELANOMA, MALIGNANT = "melanoma", "malignant"

LEVELS = (0.80, 0.90, 0.95)

_TINY = 1e-12


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Soften (temperature above 1) or sharpen softmax outputs: (N, classes), rows sum to 1.

    Equal to dividing the logits, since a softmax does not see what is added to all of them.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), _TINY)) / temperature
    scaled = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return scaled / scaled.sum(axis=-1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature, from 0.1 to 10, with the lowest mean negative log-likelihood.

    Args:
        probabilities: softmax outputs of held-out images, (N, classes).
        labels: their class numbers, (N,).
    """
    from scipy.optimize import minimize_scalar  # only needed to fit

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[rows, labels], _TINY)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def questions_of(task: Task) -> dict[str, tuple[str, ...]]:
    """A task's yes-or-no questions, and the codes of the classes that mean "yes"."""
    melanoma = {MELANOMA: ("MEL",)} if "MEL" in task.classes else {}
    return melanoma | ({MALIGNANT: task.malignant} if task.malignant else {})


def question_scores(probabilities: np.ndarray, task: Task, question: str) -> np.ndarray:
    """Summed probability (N,) of the classes that mean "yes"."""
    return probabilities[:, _columns(task, question)].sum(axis=1)


def question_truth(labels: np.ndarray, task: Task, question: str) -> np.ndarray:
    """Which of the labels (N,) mean "yes": bool."""
    return np.isin(labels, _columns(task, question))


def point_name(aim: str, level: float) -> str:
    """Name of the point at which ``aim`` reaches ``level``, as ``at_90_specificity``."""
    return f"at_{level:.0%}_{aim}".replace("%", "")


def fit_operating_points(
    probabilities: np.ndarray, labels: np.ndarray, task: Task
) -> dict[str, dict[str, float]]:
    """Find the thresholds of all questions and points: question → name of the point → threshold.

    A question for which one side has no image is left out.
    """
    points = {}
    for question in questions_of(task):
        scores = question_scores(probabilities, task, question)
        yes = question_truth(labels, task, question)
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


def _columns(task: Task, question: str) -> list[int]:
    meant = questions_of(task)[question]
    return [number for number, code in enumerate(task.classes) if code in meant]
