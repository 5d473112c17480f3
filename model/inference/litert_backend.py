"""The network in LiteRT: predicts the same as Keras, faster, and starts without TensorFlow."""

import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from model.environment import without_notices
from model.inference.backend import Features, ModelOutputs
from model.inference.tta import tta_views

_THREADS = 2
"""More gain little, and lose where a machine lends fewer cores than it shows."""

_NAMES_IN_FORMAT_1 = {"embed": "look", "predict": "answer", "grad_cam": "cells"}


class LiteRTBackend:
    """A :class:`model.inference.backend.Backend` from a file of :mod:`model.inference.export`."""

    name = "litert"

    def __init__(self, file: Path) -> None:
        """Load a file that was checked to be the bundle's."""
        with without_notices():
            self._interpreter = Interpreter(str(file), num_threads=_THREADS)
            self._interpreter.allocate_tensors()
        self._embed = self._signature("embed")
        self._predict = self._signature("predict")
        self._grad_cam = self._signature("grad_cam")
        self._views = self._embed.get_input_details()["images"]["shape"][0]
        self._map_views = self._grad_cam.get_input_details()["features"]["shape"][0]
        self._classes = self._grad_cam.get_input_details()["asked"]["shape"][0]
        self.has_logits = "logits" in self._predict.get_output_details()
        self._lock = threading.Lock()  # an interpreter is not thread-safe

    def embed(self, image: np.ndarray) -> Features:
        """Run the image branch on one photograph."""
        views = np.concatenate(list(tta_views(image[None], self._views))).astype(np.float32)
        with self._lock:
            found = self._embed(images=views)
        return Features(found["embeddings"], found["features"])

    def predict(self, embeddings: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """Predict one photograph's probabilities (P, classes) for P patients."""
        return self._head(embeddings, patients)["probabilities"]

    def grad_cam(self, maps: np.ndarray, patient: np.ndarray, label: int) -> np.ndarray:
        """Weigh a photograph's feature maps for one class: (W, h, w)."""
        one_hot = np.eye(self._classes, dtype=np.float32)[label]
        with self._lock:
            return self._grad_cam(
                features=maps[: self._map_views], encoded=patient[None], asked=one_hot
            )["cells"]

    def outputs(
        self,
        images: np.ndarray,
        patients: np.ndarray,
        unknown: np.ndarray | None = None,
        *,
        tta: bool = True,
    ) -> ModelOutputs:
        """Run the network on N images and their N patients, and on an unknown one (width,)."""
        embedded = [self.embed(i).embeddings for i in images] if tta else self._plain(images)

        def predicted(rows: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
            pairs = zip(embedded, rows, strict=True)
            found = [self._head(embeddings, patient[None]) for embeddings, patient in pairs]
            return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

        known = predicted(patients)
        alone = {} if unknown is None else predicted([unknown] * len(embedded))
        return ModelOutputs(
            probabilities=known["probabilities"],
            embeddings=np.stack([embeddings.mean(axis=0) for embeddings in embedded]),
            logits=known.get("logits"),
            alone=alone.get("probabilities"),
        )

    def _plain(self, images: np.ndarray) -> list[np.ndarray]:
        """Embeddings (V, E) of each image without TTA: V times the same.

        As many images as the file takes views go in at once.
        """
        views = self._predict.get_input_details()["embeddings"]["shape"][0]
        found = []
        for start in range(0, len(images), views):
            batch = images[start : start + views].astype(np.float32)
            filled = np.resize(batch, (self._views, *batch.shape[1:]))
            with self._lock:
                rows = self._embed(images=filled)["embeddings"]
            found += [np.repeat(row[None], views, axis=0) for row in rows[: len(batch)]]
        return found

    def _head(self, embeddings: np.ndarray, patients: np.ndarray) -> dict[str, np.ndarray]:
        with self._lock:
            return self._predict(embeddings=embeddings, encoded=patients)

    def _signature(self, name: str):  # noqa: ANN202 (LiteRT does not export the type)
        known = self._interpreter.get_signature_list()
        return self._interpreter.get_signature_runner(
            name if name in known else _NAMES_IN_FORMAT_1[name]
        )
