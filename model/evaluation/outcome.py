"""Predictions of images whose diagnosis is known, and their headline figures in every draw."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from model.errors import BundleError
from model.evaluation.intervals import LesionBootstrap, centred, interval, two_sided_p
from model.evaluation.metrics import (
    binned,
    equal_mass_edges,
    mean_of_known,
    one_against_rest,
    roc_auc,
    share,
)
from model.evaluation.report_text import (
    HEADLINES,
    headline_lines,
    headlines_in,
    text_table,
    with_ci,
)
from model.inference.bundle import Manifest
from model.inference.calibration import (
    MELANOMA,
    point_name,
    question_scores,
    question_truth,
    questions_of,
)
from model.inference.conformal import prediction_sets
from model.tasks import Task

POINT = point_name("specificity", 0.90)
"""Operating point of the melanoma sensitivity."""

FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "melanoma_sensitivity": "melanoma sensitivity",
    "melanoma_specificity": "melanoma specificity",
}
"""Keys of :func:`task_figures` → names for readers."""

_MELANOMA = "MEL"


@dataclass(frozen=True)
class Outcome:
    """N images with truth and answer. ``table`` is in the layout of ``model.data.dataset``.

    Raises:
        BundleError: on building, when the bundle lacks what is set on validation images.
    """

    table: pd.DataFrame
    probabilities: np.ndarray  # (N, classes), calibrated
    manifest: Manifest
    bootstrap: LesionBootstrap

    def __post_init__(self) -> None:
        if not self.manifest.prediction_sets:
            raise BundleError(
                f"the bundle {self.manifest.name!r} has no thresholds from validation images. "
                "Set them with: python -m model calibrate --data DIR --bundle BUNDLE"
            )

    @property
    def codes(self) -> list[str]:
        """Class codes in the order of the columns."""
        return self.manifest.codes

    @cached_property
    def labels(self) -> np.ndarray:
        """True class numbers, (N,)."""
        return self.manifest.task.labels(self.table["diagnosis"].tolist())

    @cached_property
    def predictions(self) -> np.ndarray:
        """Most probable class numbers, (N,); of equal ones the first."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the true one: bool (N,)."""
        return self.predictions == self.labels

    @property
    def confidence(self) -> np.ndarray:
        """Highest probability, (N,)."""
        return self.probabilities.max(axis=1)

    @cached_property
    def sets(self) -> np.ndarray:
        """Classes of each image's prediction set: bool (N, classes)."""
        return prediction_sets(self.probabilities, self.manifest.set_thresholds)

    @cached_property
    def points(self) -> dict[str, dict[str, float]]:
        """Thresholds of the questions that the task can answer: question → point → threshold."""
        asked = questions_of(self.manifest.task)
        return {q: p for q, p in self.manifest.operating_points.items() if q in asked}

    def answers(self, question: str, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """True and predicted answers to a yes-or-no question of ``operating_points``: bool (N,)."""
        task = self.manifest.task
        said = question_scores(self.probabilities, task, question) >= threshold
        return question_truth(self.labels, task, question), said


def class_figures(
    labels: np.ndarray,
    probabilities: np.ndarray,
    bootstrap: LesionBootstrap,
    rows: np.ndarray | None = None,
    *,
    ranks: bool = True,
) -> dict[str, np.ndarray]:
    """Figures of predicting the most probable class, of all images or of ``rows`` (bool, (N,)).

    accuracy, balanced_accuracy, and macro_auc over the classes that have images and others, each
    (1 + draws,); recalls and aucs of the classes, (1 + draws, classes). Without ``ranks`` the AUCs,
    which take longest, are left out.
    """
    rows = np.ones(len(labels), bool) if rows is None else rows
    truth = np.eye(probabilities.shape[1])[labels] * rows[:, None]
    correct = truth * (probabilities.argmax(axis=1) == labels)[:, None]
    cases, hits = np.split(bootstrap.sums(np.c_[truth, correct]), 2, axis=1)
    recalls = share(hits, cases)
    figures = {
        "accuracy": share(hits.sum(axis=1), cases.sum(axis=1)),
        "balanced_accuracy": mean_of_known(recalls),
        "recalls": recalls,
    }
    if ranks:
        shown = probabilities[rows], labels[rows]
        aucs = bootstrap.of_weights(lambda w: one_against_rest(roc_auc, *shown, w), rows)
        figures |= {"macro_auc": mean_of_known(aucs), "aucs": aucs}
    return figures


def headline_draws(
    outcome: Outcome, rows: np.ndarray | None = None, *, ranks: bool = True
) -> dict[str, np.ndarray]:
    """Figures of all images or of ``rows`` (bool, (N,)): name → (1 + draws,).

    - balanced_accuracy, accuracy and macro_auc, as :func:`class_figures`
    - melanoma_auc; melanoma_sensitivity and melanoma_specificity at the threshold that gave 90 %
      specificity on validation images; absent where no class is MEL
    - ece in bins of equal mass; coverage and set_size of the prediction sets
    - recalls: (1 + draws, classes)

    ``ranks`` is as in :func:`class_figures`.
    """
    rows = np.ones(len(outcome.table), bool) if rows is None else rows
    figures = class_figures(
        outcome.labels, outcome.probabilities, outcome.bootstrap, rows, ranks=ranks
    )
    sums = _sums(outcome, rows)
    images = sums["image"]
    shown = ("balanced_accuracy", "accuracy", "macro_auc")
    return {
        **{name: figures[name] for name in shown if name in figures},
        **_melanoma_draws(outcome, figures.get("aucs"), sums),
        "ece": centred(share(np.abs(sums["gap"]).sum(axis=1), images)),
        "coverage": share(sums["covered"], images),
        "set_size": share(sums["set_size"], images),
        "recalls": figures["recalls"],
    }


def task_figures(
    task: Task, table: pd.DataFrame, probabilities: np.ndarray, bootstrap: LesionBootstrap
) -> dict[str, np.ndarray]:
    """Figures of the table's rows by the keys of ``FIGURES``: each (1 + draws,).

    Unlike :func:`headline_draws` these need no thresholds of a bundle. Melanoma sensitivity is the
    share of melanomas predicted as the class that holds them, specificity the share of the images
    of other classes that are not: where a task asks for malignant or not, other cancers count on
    neither side. Where no class holds melanoma, both are NaN.

    Args:
        task: whose classes the probabilities are of.
        table: N rows in the layout of :mod:`model.data.dataset`.
        probabilities: (N, classes).
        bootstrap: over the rows' lesions.
    """
    diagnoses = table["diagnosis"].tolist()
    labels = task.labels(diagnoses)
    predictions = probabilities.argmax(axis=1)
    suspect = list(task.classes).index(task.members["MEL"]) if "MEL" in task.members else -1
    melanoma, other = np.array(diagnoses) == "MEL", (labels != suspect) & (suspect >= 0)
    sides = [melanoma, melanoma & (predictions == suspect), other, other & (predictions != suspect)]
    melanomas, found, others, spared = bootstrap.sums(np.stack(sides, axis=1)).T
    figures = class_figures(labels, probabilities, bootstrap) | {
        "melanoma_sensitivity": share(found, melanomas),
        "melanoma_specificity": share(spared, others),
    }
    return {name: figures[name] for name in FIGURES}


def majority_predictions(task: Task, training: pd.DataFrame, rows: int) -> np.ndarray:
    """Predict for every image the class that most training images have: (rows, classes)."""
    counts = np.bincount(task.labels(training["diagnosis"].tolist()), minlength=len(task.classes))
    return np.tile(np.eye(len(task.classes))[counts.argmax()], (rows, 1))


def _melanoma_draws(
    outcome: Outcome, aucs: np.ndarray | None, sums: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    if _MELANOMA not in outcome.codes:
        return {}
    number = outcome.codes.index(_MELANOMA)
    return {
        **({} if aucs is None else {"melanoma_auc": aucs[:, number]}),
        "melanoma_sensitivity": share(sums["found"], sums["melanoma"]),
        "melanoma_specificity": share(sums["spared"], sums["image"] - sums["melanoma"]),
    }


def _sums(outcome: Outcome, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Sums over the rows, by name: (1 + draws,) or (1 + draws, bins)."""
    edges = equal_mass_edges(outcome.confidence[rows])
    features = {
        "image": np.ones(len(rows)),
        "gap": binned(outcome.confidence, outcome.confidence - outcome.correct, edges),
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


def compare(outcomes: dict[str, Outcome]) -> dict:
    """Headline figures of every bundle, and the differences of the later ones from the first.

    All outcomes must be of one table and one bootstrap.
    """
    drawn = {name: _draws(outcome) for name, outcome in outcomes.items()}
    first, *others = drawn
    shared = [key for key in HEADLINES if all(key in figures for figures in drawn.values())]
    return {
        "first": first,
        "figures": {
            name: {key: interval(values) for key, values in figures.items()}
            for name, figures in drawn.items()
        },
        "differences": {
            name: {key: _difference(drawn[name][key], drawn[first][key]) for key in shared}
            for name in others
        },
    }


def compare_text(found: dict) -> str:
    """Write a comparison as plain text, one block per bundle."""
    lines = [found["first"], *headline_lines(found["figures"][found["first"]])]
    for name, differences in found["differences"].items():
        lines += ["", f"{name}, and its difference from {found['first']}"]
        rows = [
            (
                text,
                with_ci(found["figures"][name][key]),
                with_ci(differences[key]),
                f"p = {_p(differences[key]['p'])}",
            )
            for key, text in headlines_in(differences).items()
        ]
        lines += text_table(rows)
    return "\n".join(lines)


def _draws(outcome: Outcome) -> dict[str, np.ndarray]:
    figures = headline_draws(outcome)
    return {key: figures[key] for key in headlines_in(figures)}


def _difference(values: np.ndarray, first: np.ndarray) -> dict:
    return interval(values - first) | {"p": two_sided_p(values - first)}


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
