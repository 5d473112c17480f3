"""Answering all that the page asks of one photograph; holds no Keras.

The network runs in LiteRT where the bundle has it exported, see :mod:`model.prediction.export`,
else in Keras. LiteRT answers several times as fast and starts without TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from model.image import read_image
from model.patient import Patient
from model.prediction.bundle import (
    RELEASED,
    Manifest,
    lite_file,
    load_cases,
    load_detector,
    read_manifest,
)
from model.prediction.calibrate import apply_temperature
from model.prediction.prediction_sets import prediction_sets
from model.prediction.seen import MAP_VIEWS, Opened, Seen
from model.prediction.similar import CaseIndex
from model.prediction.study import Study
from model.prediction.unknown import UnknownDetector
from model.prediction.views import views


def load_examiner(bundle: Path = RELEASED) -> "Examiner":
    """Load a bundle from its folder, by its LiteRT file if it has one.

    Raises:
        BundleError: the bundle is missing, damaged or contradicts itself.
    """
    manifest = read_manifest(bundle)
    file = lite_file(bundle, manifest)
    if file is None:
        from model.prediction.predictor import Predictor  # takes seconds

        return Predictor.load(bundle)
    from model.prediction.lite import LiteNetwork

    detector, cases = load_detector(bundle, manifest), load_cases(bundle, manifest)
    return Examiner(LiteNetwork(file), manifest, detector, cases)


class Examiner:
    """Opens photographs, one at a time. Safe to use from many threads."""

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

    def warm_up(self) -> None:
        """Run once on nothing, so that the first visitor does not wait for the compilation."""
        side = self.manifest.image.side
        study = self._study(Image.new("RGB", (side, side)))
        study.activation(Patient(), self.manifest.codes[0])
        study.by_age(Patient(), self.manifest.codes[0])

    def study(self, image: Path | BinaryIO | bytes) -> Study:
        """Open one photograph, of which any patient's context can then be asked cheaply.

        Raises:
            ImageError: the file cannot be read as a photograph.
        """
        return self._study(read_image(image))

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
        thresholds = self.manifest.prediction_sets.get("thresholds")
        if not thresholds:
            return None
        return prediction_sets(probabilities, [thresholds[code] for code in self.manifest.codes])

    def unknown_score(self, embedding: np.ndarray) -> float | None:
        """Tell how unlike training an image is by its embedding (embedding,): above 1 is an alarm.

        None if the bundle has no detector.
        """
        if self.detector is None:
            return None
        method = self.manifest.unknown["method"]
        score = getattr(self.detector, method)(embedding[None])[0]
        return float(score / self.manifest.unknown["thresholds"][method])

    def _study(self, photograph: Image.Image) -> Study:
        prepared = self.manifest.image(photograph)
        turned = views(prepared[None], max(MAP_VIEWS, self.manifest.views))
        seen = self.opened.look(np.concatenate(list(turned)))
        embeddings = seen.embeddings[: self.manifest.views]
        return Study(self, photograph, prepared, Seen(embeddings, seen.features))
