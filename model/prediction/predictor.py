"""Answering: calibrated probabilities for photographs and their patients.

Shell, page and API all come through here. Neither training code nor the Archive's client is
loaded.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np
from PIL import Image

from model.errors import ImageError
from model.image import read_image
from model.patient import Patient
from model.prediction.bundle import (
    RELEASED,
    Manifest,
    load_cases,
    load_detector,
    load_network,
    read_manifest,
)
from model.prediction.calibrate import apply_temperature
from model.prediction.opened import OpenedNetwork
from model.prediction.prediction_sets import prediction_sets
from model.prediction.similar import CaseIndex
from model.prediction.study import Seen, Study
from model.prediction.unknown import UnknownDetector, unknown_scores
from model.prediction.views import views

MAP_VIEWS = 4
"""Views of an image that activation maps are averaged over; no fewer are opened for a study."""

_BATCH = 64


@dataclass(frozen=True)
class Inside:
    """What the network computes on the way to its answer, for N images."""

    probabilities: np.ndarray  # calibrated, (N, classes)
    logits: np.ndarray  # (N, classes), before temperature and softmax
    embeddings: np.ndarray  # (N, embedding), of the image alone


class Predictor:
    """A loaded bundle."""

    def __init__(
        self,
        network: keras.Model,
        manifest: Manifest,
        detector: UnknownDetector | None = None,
        cases: CaseIndex | None = None,
    ) -> None:
        """Take a network, the manifest that it fits, and what else its bundle may hold."""
        self.network = network
        self.manifest = manifest
        self.detector = detector
        self.cases = cases

    @classmethod
    def load(cls, bundle: Path = RELEASED) -> "Predictor":
        """Load a bundle from its folder.

        Raises:
            BundleError: the bundle is missing, damaged or contradicts itself.
        """
        manifest = read_manifest(bundle)
        network = load_network(bundle, manifest)
        detector, cases = load_detector(bundle, manifest), load_cases(bundle, manifest)
        return cls(network, manifest, detector, cases)

    def warm_up(self) -> None:
        """Run once on nothing, so that the first visitor does not wait for the compilation."""
        side = self.manifest.image.side
        nothing = np.zeros((side, side, 3), np.uint8)
        self.probabilities(nothing[None], [Patient()])
        study = self._study(Image.fromarray(nothing))
        study.activation(Patient(), self.manifest.codes[0])
        study.by_age(Patient(), self.manifest.codes[0])

    def predict(
        self, image: Path | BinaryIO | bytes, patient: Patient | None = None
    ) -> dict[str, float]:
        """Give one photograph's probabilities by class code, in the bundle's order.

        Raises:
            ImageError: the file cannot be read as a photograph.
        """
        prepared = self.manifest.image.load(image)
        row = self.probabilities(prepared[None], [patient or Patient()])[0]
        return dict(zip(self.manifest.codes, row.tolist(), strict=True))

    def probabilities(self, images: np.ndarray, patients: Sequence[Patient]) -> np.ndarray:
        """Give calibrated probabilities (N, classes) of prepared images (N, side, side, 3)."""
        rows = self._run(self.network, images, patients)
        return apply_temperature(rows, self.manifest.temperature)

    def look_inside(self, images: np.ndarray, patients: Sequence[Patient]) -> Inside:
        """Give probabilities, logits and embeddings of prepared images in one pass."""
        found = self._run(self._inner, images, patients)
        probabilities = apply_temperature(found["probabilities"], self.manifest.temperature)
        return Inside(probabilities, found["logits"], found["embeddings"])

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

    def unknown_scores(self, inside: Inside) -> np.ndarray | None:
        """Tell how unlike training each image is, in multiples of the alarm threshold: (N,).

        Above 1 is an alarm. None if the bundle has no detector.
        """
        if self.detector is None:
            return None
        method = self.manifest.unknown["method"]
        scores = unknown_scores(self.detector, **vars(inside))[method]
        return scores / self.manifest.unknown["thresholds"][method]

    def unknown_score(self, embedding: np.ndarray) -> float | None:
        """The same for one image's embedding (embedding,), where the score needs no more."""
        if self.detector is None:
            return None
        method = self.manifest.unknown["method"]
        score = getattr(self.detector, method)(embedding[None])[0]
        return float(score / self.manifest.unknown["thresholds"][method])

    def predict_files(
        self, paths: Sequence[Path], patients: Sequence[Patient]
    ) -> Iterator[np.ndarray | ImageError]:
        """Give each file's probabilities (classes,), in order; an unreadable one's error instead.

        Files are decoded in parallel while the network computes, 64 at a time.
        """
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(paths), _BATCH):
                prepared = list(pool.map(self._load, paths[start : start + _BATCH]))
                yield from self._answer(prepared, patients[start : start + _BATCH])

    def _answer(
        self, prepared: list[np.ndarray | ImageError], patients: Sequence[Patient]
    ) -> list[np.ndarray | ImageError]:
        readable = [n for n, image in enumerate(prepared) if isinstance(image, np.ndarray)]
        answers = list(prepared)
        if readable:
            images = np.stack([prepared[n] for n in readable])
            rows = self.probabilities(images, [patients[n] for n in readable])
            for n, row in zip(readable, rows, strict=True):
                answers[n] = row
        return answers

    def _load(self, path: Path) -> np.ndarray | ImageError:
        try:
            return self.manifest.image.load(path)
        except ImageError as error:
            return error

    def _study(self, photograph: Image.Image) -> Study:
        prepared = self.manifest.image(photograph)
        turned = views(prepared[None], max(MAP_VIEWS, self.manifest.views))
        seen = self.opened.image_part.predict_on_batch(np.concatenate(list(turned)))
        embeddings = seen["embedding"][: self.manifest.views]
        return Study(self, photograph, prepared, Seen(embeddings, seen["features"]))

    @cached_property
    def opened(self) -> OpenedNetwork:
        """The network taken apart."""
        return OpenedNetwork.of(self.network)

    @cached_property
    def _inner(self) -> keras.Model:
        """The network with its inner values as outputs."""
        outputs = {
            "probabilities": self.network.output,
            "logits": self.network.get_layer("logits").output,
            "embeddings": self.network.get_layer("image_embedding").output,
        }
        return keras.Model(self.network.input, outputs)

    def _run(
        self, network: keras.Model, images: np.ndarray, patients: Sequence[Patient]
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Run a network over prepared images in batches and join its outputs.

        Outputs are averaged over the views of an image that the bundle asks for.
        """
        encoded = self.manifest.patient.encode(patients)
        slices = [slice(n, n + _BATCH) for n in range(0, len(images), _BATCH)]
        answers = [
            _mean(
                network.predict_on_batch({"image": view, "patient": encoded[rows]})
                for view in views(images[rows], self.manifest.views)
            )
            for rows in slices
        ]
        return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *answers)


def _mean(answers: Iterable[np.ndarray | dict]) -> np.ndarray | dict:
    """Average equal structures of arrays."""
    return keras.tree.map_structure(lambda *arrays: np.mean(arrays, axis=0), *answers)
