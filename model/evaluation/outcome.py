"""Predictions of a bundle for images whose diagnosis is known, and the draws for intervals."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from model.errors import BundleError
from model.evaluation.intervals import LesionBootstrap
from model.inference.bundle import Manifest
from model.inference.calibration import question_scores, question_truth, questions_of
from model.inference.conformal import prediction_sets


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
