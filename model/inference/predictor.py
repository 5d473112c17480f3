"""Answering through Keras: calibrated probabilities for many photographs and their patients.

The reference for whatever else runs the network. Neither training code nor the Archive's client is
loaded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np
from tqdm import tqdm

from model.errors import ImageError
from model.inference.bundle import (
    RELEASED,
    Manifest,
    load_cases,
    load_detector,
    load_network,
    read_manifest,
)
from model.inference.calibration import apply_temperature
from model.inference.examiner import Examiner
from model.inference.grad_cam import maps_of_images
from model.inference.ood import UnknownDetector, unknown_scores
from model.inference.opened import OpenedNetwork
from model.inference.projection import image_vectors
from model.inference.similar import CaseIndex
from model.inference.tta import views
from model.patient import Patient

_BATCH = 64
_QUIET = 3.0  # seconds that need no progress bar

Answers = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True)
class Inside:
    """What the network computes on the way to its answer, for N images."""

    probabilities: np.ndarray  # calibrated, (N, classes)
    logits: np.ndarray  # (N, classes), before temperature and softmax
    embeddings: np.ndarray  # (N, width), of the image alone, projected if they are wide


class Predictor(Examiner):
    """A loaded bundle, of which many photographs can be asked at once, too."""

    def __init__(
        self,
        network: keras.Model,
        manifest: Manifest,
        detector: UnknownDetector | None = None,
        cases: CaseIndex | None = None,
    ) -> None:
        """Take a network, the manifest that it fits, and what else its bundle may hold."""
        super().__init__(OpenedNetwork(network), manifest, detector, cases)
        self.network = network

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
        rows = self._run(self.network.predict_on_batch, images, patients)
        return apply_temperature(rows, self.manifest.temperature)

    def look_inside(self, images: np.ndarray, patients: Sequence[Patient]) -> Inside:
        """Give probabilities, logits and embeddings of prepared images in one pass."""
        found = self._run(self._ask_inside, images, patients)
        probabilities = apply_temperature(found["probabilities"], self.manifest.temperature)
        return Inside(probabilities, found["logits"], found["embeddings"])

    def activation_maps(
        self, images: np.ndarray, patients: Sequence[Patient], classes: np.ndarray
    ) -> np.ndarray:
        """Show where in each prepared image its class (N,) was found: (N, h, w) in [0, 1]."""
        encoded = self.manifest.patient.encode(patients)
        return maps_of_images(self.opened, images, encoded, classes)

    def unknown_scores(self, inside: Inside) -> np.ndarray | None:
        """Tell how unlike training each image is, in multiples of the alarm threshold: (N,).

        Above 1 is an alarm. None if the bundle has no detector.
        """
        if self.detector is None:
            return None
        method = self.manifest.unknown["method"]
        scores = unknown_scores(self.detector, **vars(inside))[method]
        return scores / self.manifest.unknown["thresholds"][method]

    def predict_files(
        self, paths: Sequence[Path], patients: Sequence[Patient]
    ) -> Iterator[np.ndarray | ImageError]:
        """Give each file's probabilities (classes,), in order; an unreadable one's error instead.

        Files are decoded in parallel, 64 at a time, while the network answers those before.
        """
        with ThreadPoolExecutor() as pool:
            coming = pool.map(self._load, paths[:_BATCH])
            for start in range(0, len(paths), _BATCH):
                end = start + _BATCH
                prepared, coming = list(coming), pool.map(self._load, paths[end : end + _BATCH])
                yield from self._answer(prepared, patients[start:end])

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

    def _ask_inside(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = self._inner.predict_on_batch(batch)
        # At once: the embeddings of all images together may not fit into memory.
        return found | {"embeddings": image_vectors(found["embeddings"], self.projection)}

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
        self, ask: Callable[[dict], Answers], images: np.ndarray, patients: Sequence[Patient]
    ) -> Answers:
        """Ask about prepared images in batches and join the answers.

        Answers are averaged over the views of an image that the bundle asks for. What takes longer
        than seconds shows how far it is.
        """
        encoded = self.manifest.patient.encode(patients)
        slices = [slice(n, n + _BATCH) for n in range(0, len(images), _BATCH)]
        progress = tqdm(
            slices,
            desc="Asking the network",
            unit="batch",
            delay=_QUIET,
            leave=False,
            disable=len(slices) < 2,
        )
        answers = [
            _mean(
                ask({"image": view, "patient": encoded[rows]})
                for view in views(images[rows], self.manifest.views)
            )
            for rows in progress
        ]
        return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *answers)


def _mean(answers: Iterable[Answers]) -> Answers:
    """Average equal structures of arrays."""
    return keras.tree.map_structure(lambda *arrays: np.mean(arrays, axis=0), *answers)
