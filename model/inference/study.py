"""One photograph, embedded once; the prediction for any patient is then cheap."""

from collections.abc import Sequence
from dataclasses import astuple
from functools import cached_property

import numpy as np
from PIL import Image

from model.frame import Frame
from model.inference.backend import Backend
from model.inference.bundle import Manifest
from model.inference.calibration import apply_temperature
from model.inference.conformal import prediction_sets
from model.inference.embeddings import image_vectors
from model.inference.finder import Framed, on_photograph
from model.inference.grad_cam import grad_cam
from model.inference.ood import ExampleDetector, OODDetector
from model.inference.quality import find_problems
from model.inference.similar import CaseIndex, SimilarCase
from model.inference.what_if import contributions, what_if
from model.patient import Field, Patient, Value

NOT_DERMOSCOPIC, OOD, POOR_QUALITY = "not_dermoscopic", "ood", "poor_quality"

SHOWN_SIDE = 1024
"""Pixels; the longest side of the photograph that is kept for showing."""


class Study:
    """A photograph with its predictions and their explanations.

    Probabilities are those of :meth:`model.inference.predictor.Predictor.predict`. Safe to use
    from many threads.
    """

    def __init__(
        self,
        photograph: Image.Image,
        framed: Framed,
        backend: Backend,
        manifest: Manifest,
        *,
        detector: OODDetector | None = None,
        cases: CaseIndex | None = None,
        closeups: ExampleDetector | None = None,
    ) -> None:
        """Embed a decoded photograph that was framed by the same bundle."""
        self._backend, self._manifest = backend, manifest
        self._detector, self._cases, self._closeups = detector, cases, closeups
        self._features = [backend.embed(square) for square in framed.squares]
        self.framed = framed
        """The lesion and the frame around it, in pixels of the upright photograph."""
        self.size = photograph.size
        """Width and height of the upright photograph in pixels."""
        self.quality: tuple[str, ...] = find_problems(
            framed.squares[0], photograph.size, manifest.quality
        )
        """Problems by key, worst first, as :mod:`model.inference.quality` names them."""
        self.photograph = photograph.copy()
        """RGB, upright, reduced for showing."""
        self.photograph.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)

    @property
    def ood_score(self) -> float | None:
        """Above 1, the photograph is out-of-distribution; None without a detector.

        The score of the bundle's method in multiples of its threshold.
        """
        if self._detector is None:
            return None
        method = self._manifest.ood["method"]
        score = getattr(self._detector, method)(self._vector[None])[0]
        return float(score / self._manifest.ood["thresholds"][method])

    @cached_property
    def is_dermoscopic(self) -> bool:
        """Whether it seems taken through a dermatoscope; true where the bundle has no detector."""
        if self._closeups is None:
            return True
        vector = self._vector
        if self.framed.whole is not None:
            whole = self._backend.embed(self.framed.whole).embeddings
            vector = np.concatenate([vector, self._vector_of(whole)])
        return bool(self._closeups.score(vector[None])[0] <= 1)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Keys of the warnings, worst first.

        ``not_dermoscopic``, ``ood``, those of :class:`model.inference.finder.Framed`, and
        ``poor_quality``.
        """
        found = {
            NOT_DERMOSCOPIC: not self.is_dermoscopic,
            OOD: (self.ood_score or 0) > 1,
            **dict.fromkeys(self.framed.warnings, True),
            POOR_QUALITY: bool(self.quality),
        }
        return tuple(key for key, holds in found.items() if holds)

    def probabilities(self, patient: Patient) -> dict[str, float]:
        """Calibrated probabilities by class code, in the bundle's order."""
        return self._by_code(self._predict([patient])[0])

    def ranges(self, patient: Patient) -> dict[str, tuple[float, float]]:
        """Lowest and highest probability of each class over TTA views and scales, by code.

        How far the prediction depends on how the camera was held; not an uncertainty.
        """
        return self._ends(self._by_view(patient))

    def change_ranges(self, patient: Patient) -> dict[str, tuple[float, float]]:
        """Lowest and highest change that context makes to each class over the same, by code."""
        return self._ends(self._by_view(patient) - self._by_view(Patient()))

    def prediction_set(self, patient: Patient) -> tuple[str, ...]:
        """Codes of the conformal prediction set, most probable first; empty without thresholds."""
        thresholds = self._manifest.set_thresholds
        if not thresholds:
            return ()
        row = self._predict([patient])
        included = prediction_sets(row, thresholds)[0]
        return tuple(self._manifest.codes[n] for n in np.argsort(-row[0]) if included[n])

    def contributions(self, patient: Patient) -> dict[str, dict[str, float]]:
        """How far each known field moved each class's probability: code → key → from -1 to 1.

        A class's sum to its probability with context less that of the image alone.
        """
        found = contributions(self._predict, patient, self._manifest.patient.fields)
        return {
            code: {key: float(moved[number]) for key, moved in found.items()}
            for number, code in enumerate(self._manifest.codes)
        }

    def what_if(self, patient: Patient, field: Field, code: str) -> dict[Value | None, float]:
        """A class's probability at each value of a field: value → probability."""
        number = self._number(code)
        found = what_if(self._predict, patient, field)
        return {value: float(row[number]) for value, row in found.items()}

    def grad_cam(self, patient: Patient, code: str) -> np.ndarray:
        """Where in the photograph the evidence for a class is: float32 (h, w) in [0, 1].

        As coarse as the feature maps, or of a frame drawn on the photograph as it is shown.
        """
        encoded = self._manifest.patient.encode([patient])[0]
        map_ = grad_cam(self._backend, self._features[0], encoded, self._number(code))
        frame = self.framed.frame
        if frame is None:
            return map_
        shown = self.photograph.size
        scale = shown[0] / self.size[0]
        return on_photograph(map_, Frame(*(scale * x for x in astuple(frame))), shown)

    def similar(self, count: int) -> list[SimilarCase]:
        """The nearest training images, one per lesion; empty where the bundle has no index."""
        return self._cases.nearest(self._vector, count) if self._cases else []

    @cached_property
    def _vector(self) -> np.ndarray:
        """What detector and case index compare, (width,)."""
        embeddings = np.concatenate([features.embeddings for features in self._features])
        return self._vector_of(embeddings)

    def _vector_of(self, embeddings: np.ndarray) -> np.ndarray:
        return image_vectors(embeddings, self._manifest.projection).mean(axis=0)

    def _predict(self, patients: Sequence[Patient]) -> np.ndarray:
        """Calibrated probabilities (P, classes) for P patients."""
        encoded = self._manifest.patient.encode(patients)
        scales = [self._backend.predict(f.embeddings, encoded) for f in self._features]
        return apply_temperature(np.mean(scales, axis=0), self._manifest.temperature)

    def _by_view(self, patient: Patient) -> np.ndarray:
        """Calibrated probabilities (views, classes) for each view and scale."""
        encoded = self._manifest.patient.encode([patient])
        views = [
            self._backend.predict(np.repeat(view[None], len(features.embeddings), 0), encoded)
            for features in self._features
            for view in features.embeddings
        ]
        return apply_temperature(np.concatenate(views), self._manifest.temperature)

    def _ends(self, rows: np.ndarray) -> dict[str, tuple[float, float]]:
        ends = zip(rows.min(axis=0).tolist(), rows.max(axis=0).tolist(), strict=True)
        return dict(zip(self._manifest.codes, ends, strict=True))

    def _number(self, code: str) -> int:
        return self._manifest.codes.index(code)

    def _by_code(self, row: np.ndarray) -> dict[str, float]:
        return dict(zip(self._manifest.codes, row.tolist(), strict=True))
