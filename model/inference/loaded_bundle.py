"""A bundle in memory: a network with all that its answers are read with."""

from collections.abc import Sequence

import numpy as np

from model.inference.bundle import Manifest
from model.inference.calibration import apply_temperature
from model.inference.conformal import prediction_sets
from model.inference.ood import UnknownDetector
from model.inference.projection import image_vectors
from model.inference.seen import Opened
from model.inference.similar import CaseIndex
from model.patient import Patient


class LoadedBundle:
    """Reads what the network says of one photograph's embeddings. Safe to use from many threads."""

    def __init__(
        self,
        opened: Opened,
        manifest: Manifest,
        detector: UnknownDetector | None = None,
        cases: CaseIndex | None = None,
    ) -> None:
        """Take a network, the manifest that it fits, and what else its bundle may hold."""
        self.opened = opened
        self.manifest = manifest
        self.detector = detector
        self.cases = cases
        self.projection = manifest.projection

    def answer(self, embeddings: np.ndarray, patients: Sequence[Patient]) -> np.ndarray:
        """Give calibrated probabilities (P, classes) of one image for P patients.

        ``embeddings`` (V, embedding) are of the image's views, as many as the bundle asks for.
        """
        encoded = self.manifest.patient.encode(patients)
        return apply_temperature(self.opened.answer(embeddings, encoded), self.manifest.temperature)

    def prediction_sets(self, probabilities: np.ndarray) -> np.ndarray | None:
        """Tell which classes are in the prediction set of each row: bool (N, classes).

        A set holds the true diagnosis in ``manifest.prediction_sets["coverage"]`` of all cases.
        None if the bundle has no thresholds for them.
        """
        thresholds = self.manifest.set_thresholds
        return prediction_sets(probabilities, thresholds) if thresholds else None

    def vector(self, embeddings: np.ndarray) -> np.ndarray:
        """Give what detector and case index know an image by (width,).

        ``embeddings`` (V, embedding) are of the image's views.
        """
        return image_vectors(embeddings, self.projection).mean(axis=0)

    def unknown_score(self, vector: np.ndarray) -> float | None:
        """Tell how unlike training an image is by its vector (width,): above 1 is an alarm.

        None if the bundle has no detector.
        """
        if self.detector is None:
            return None
        method = self.manifest.unknown["method"]
        score = getattr(self.detector, method)(vector[None])[0]
        return float(score / self.manifest.unknown["thresholds"][method])
