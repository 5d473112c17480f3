"""Figures of a network for any task, in every draw of lesions, from probabilities alone."""

import numpy as np
import pandas as pd

from model.evaluation.intervals import LesionBootstrap
from model.evaluation.metrics import mean_of_known, one_against_rest, roc_auc, share
from model.tasks import Task

FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "melanoma_sensitivity": "melanoma sensitivity",
    "melanoma_specificity": "melanoma specificity",
}
"""Keys of :func:`task_figures` → names for readers."""


def task_figures(
    task: Task, table: pd.DataFrame, probabilities: np.ndarray, bootstrap: LesionBootstrap
) -> dict[str, np.ndarray]:
    """Figures of the table's rows by the keys of ``FIGURES``: each (1 + draws,).

    The answer is the most probable class. Melanoma sensitivity is the share of melanomas that are
    given the class that holds them, specificity the share of the images of other classes that are
    not: where a task asks for malignant or not, other cancers count on neither side. Where no class
    holds melanoma, both are NaN.

    Args:
        task: whose classes the probabilities are of.
        table: N rows in the layout of :mod:`model.data.dataset`.
        probabilities: (N, classes).
        bootstrap: over the rows' lesions.
    """
    diagnoses = table["diagnosis"].tolist()
    labels = task.labels(diagnoses)
    answers = probabilities.argmax(axis=1)
    suspect = list(task.classes).index(task.members["MEL"]) if "MEL" in task.members else -1
    melanoma, other = np.array(diagnoses) == "MEL", (labels != suspect) & (suspect >= 0)
    case = np.eye(len(task.classes))[labels]
    hit = case * (answers == labels)[:, None]
    sums = bootstrap.sums(np.c_[case, hit])
    cases, hits = np.split(sums, 2, axis=1)
    sides = np.c_[melanoma, melanoma & (answers == suspect), other, other & (answers != suspect)]
    melanomas, found, others, spared = bootstrap.sums(sides).T
    return {
        "accuracy": share(hits.sum(axis=1), cases.sum(axis=1)),
        "balanced_accuracy": mean_of_known(share(hits, cases)),
        "macro_auc": mean_of_known(_aucs(probabilities, labels, bootstrap)),
        "melanoma_sensitivity": share(found, melanomas),
        "melanoma_specificity": share(spared, others),
    }


def majority_answers(task: Task, learned: pd.DataFrame, rows: int) -> np.ndarray:
    """Answer every image with the class that most training images have: (rows, classes)."""
    counts = np.bincount(task.labels(learned["diagnosis"].tolist()), minlength=len(task.classes))
    return np.tile(np.eye(len(task.classes))[counts.argmax()], (rows, 1))


def _aucs(probabilities: np.ndarray, labels: np.ndarray, bootstrap: LesionBootstrap) -> np.ndarray:
    return bootstrap.of_weights(
        lambda weights: one_against_rest(roc_auc, probabilities, labels, weights)
    )
