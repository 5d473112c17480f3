"""Answering: calibrated probabilities for photographs and their patients.

Shell, page and API all come through here. Neither training code nor the Archive's client is
loaded.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np

from model.bundle import RELEASED, Manifest, load_network, read_manifest
from model.calibrate import apply_temperature
from model.errors import ImageError
from model.patient import Patient

_BATCH = 64


class Predictor:
    """A loaded bundle."""

    def __init__(self, network: keras.Model, manifest: Manifest) -> None:
        """Take a network and the manifest that it fits."""
        self.network = network
        self.manifest = manifest

    @classmethod
    def load(cls, bundle: Path = RELEASED) -> "Predictor":
        """Load a bundle from its folder.

        Raises:
            BundleError: the bundle is missing, damaged or contradicts itself.
        """
        manifest = read_manifest(bundle)
        return cls(load_network(bundle, manifest), manifest)

    def warm_up(self) -> None:
        """Run once on nothing, so that the first visitor does not wait for the compilation."""
        side = self.manifest.image.side
        self.probabilities(np.zeros((1, side, side, 3), np.uint8), [Patient()])

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
        encoded = self.manifest.patient.encode(patients)
        rows = [
            self.network.predict_on_batch(
                {
                    "image": images[start : start + _BATCH],
                    "patient": encoded[start : start + _BATCH],
                }
            )
            for start in range(0, len(images), _BATCH)
        ]
        return apply_temperature(np.concatenate(rows), self.manifest.temperature)

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
