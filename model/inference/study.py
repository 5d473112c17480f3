"""One photograph, opened by the network once; any patient's context is then cheap to ask for."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from PIL import Image

from model.inference.grad_cam import map_of_views
from model.inference.loaded_bundle import LoadedBundle
from model.inference.quality import find_problems
from model.inference.seen import Seen
from model.inference.similar import SimilarCase
from model.inference.what_if import contributions, what_if
from model.patient import Field, Patient, Value

SHOWN_SIDE = 1024
"""Pixels; the longest side of the photograph that is kept for showing."""


class Study:
    """A photograph with all that can be asked of the network about it.

    Probabilities are those of :meth:`model.inference.predictor.Predictor.predict`. Safe to use
    from many threads.
    """

    def __init__(
        self, bundle: LoadedBundle, photograph: Image.Image, prepared: np.ndarray, seen: Seen
    ) -> None:
        """Take a decoded photograph and what the network saw of it."""
        self._bundle = bundle
        self._seen = seen
        limits = bundle.manifest.quality
        self.quality: tuple[str, ...] = find_problems(prepared, photograph.size, limits)
        """Problems by key, worst first, as :mod:`model.inference.quality` names them."""
        self.photograph = photograph.copy()
        """RGB, upright, reduced for showing."""
        self.photograph.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)

    @property
    def unknown_score(self) -> float | None:
        """Above 1, the photograph is unlike the training images; None without a detector."""
        return self._bundle.unknown_score(self._vector)

    def probabilities(self, patient: Patient) -> dict[str, float]:
        """Calibrated probabilities by class code, in the bundle's order."""
        return self._named(self._answer([patient])[0])

    def prediction_set(self, patient: Patient) -> tuple[str, ...]:
        """Codes that cannot be excluded, most probable first; empty without thresholds."""
        row = self._answer([patient])
        inside = self._bundle.prediction_sets(row)
        if inside is None:
            return ()
        codes = self._bundle.manifest.codes
        return tuple(codes[n] for n in np.argsort(-row[0]) if inside[0, n])

    def contributions(self, patient: Patient, code: str) -> dict[str, float]:
        """How far each known field moved a class's probability: key → from -1 to 1.

        They sum to the probability with context less that of the image alone.
        """
        number = self._number(code)
        found = contributions(self._answer, patient, self._bundle.manifest.patient.fields)
        return {key: float(moved[number]) for key, moved in found.items()}

    def what_if(self, patient: Patient, field: Field, code: str) -> dict[Value | None, float]:
        """A class's probability at each value of a field: value → probability."""
        number = self._number(code)
        found = what_if(self._answer, patient, field)
        return {value: float(row[number]) for value, row in found.items()}

    def activation(self, patient: Patient, code: str) -> np.ndarray:
        """Where in the photograph the class was found: float32 (h, w) in [0, 1]."""
        encoded = self._bundle.manifest.patient.encode([patient])
        opened = self._bundle.opened
        return map_of_views(opened, self._seen.features, encoded, self._number(code))

    def similar(self, count: int) -> list[SimilarCase]:
        """The nearest training images, one a lesion; empty where the bundle has no index."""
        index = self._bundle.cases
        return index.nearest(self._vector, count) if index else []

    @cached_property
    def _vector(self) -> np.ndarray:
        return self._bundle.vector(self._seen.embeddings)

    def _answer(self, patients: Sequence[Patient]) -> np.ndarray:
        return self._bundle.answer(self._seen.embeddings, patients)

    def _number(self, code: str) -> int:
        return self._bundle.manifest.codes.index(code)

    def _named(self, row: np.ndarray) -> dict[str, float]:
        return dict(zip(self._bundle.manifest.codes, row.tolist(), strict=True))
