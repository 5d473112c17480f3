"""Similar cases: the training images nearest to a photograph by the network's embedding.

Embeddings of the training part are centred, reduced to their main directions (principal component
analysis) and scaled to unit length. A photograph's embedding is treated the same way; scalar
products are cosine similarities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from isic_api.vocabulary import archive_id
from model.inference.embeddings import ArrayFile
from model.patient import Field, NumberField, Patient, is_unknown

DIRECTIONS = 64
"""Of the embedding; more grow the file without changing the nearest cases much."""


_PREFIX = "patient."
_OF_FORMAT_1 = {"ages": "patient.age", "sexes": "patient.sex", "sites": "patient.site"}


@dataclass(frozen=True)
class SimilarCase:
    """A training image and its similarity to the photograph."""

    isic_id: str
    diagnosis: str  # class code
    patient: Patient
    similarity: float  # cosine, at most 1


@dataclass(frozen=True)
class CaseIndex(ArrayFile):
    """The training images of a bundle, N rows."""

    centre: np.ndarray  # (embedding,)
    directions: np.ndarray  # (embedding, DIRECTIONS)
    places: np.ndarray  # float16 (N, DIRECTIONS), unit length
    isic_ids: np.ndarray  # str (N,)
    lesions: np.ndarray  # int (N,): images of one lesion share a number
    diagnoses: np.ndarray  # str (N,), class codes
    # By key: of a number float16 (N,), NaN = unknown; of a choice str (N,), empty = unknown.
    patients: dict[str, np.ndarray]

    @classmethod
    def fit(
        cls, embeddings: np.ndarray, table: pd.DataFrame, fields: Sequence[Field]
    ) -> "CaseIndex":
        """Index embeddings (N, embedding) of the images in a table of ``model.data.dataset``."""
        centre = embeddings.mean(axis=0)
        centred = (embeddings - centre).astype(np.float64)
        _, vectors = np.linalg.eigh(centred.T @ centred)
        directions = vectors[:, ::-1][:, :DIRECTIONS]
        return cls(
            centre.astype(np.float32),
            directions.astype(np.float32),
            _unit(centred @ directions).astype(np.float16),
            table["image"].to_numpy(str),
            pd.factorize(table["lesion_id"])[0].astype(np.int32),
            table["diagnosis"].to_numpy(str),
            {field.key: _plain(table[field.column], field) for field in fields},
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays to save; the patients' fields each by ``patient.`` and its key."""
        arrays = super().arrays()
        patients = arrays.pop("patients")
        return arrays | {_PREFIX + key: values for key, values in patients.items()}

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> "CaseIndex":
        """The inverse of :meth:`arrays`; reads the indices of bundles of format 1, too."""
        named = {_OF_FORMAT_1.get(name, name): values for name, values in arrays.items()}
        patients = {
            name.removeprefix(_PREFIX): named.pop(name)
            for name in list(named)
            if name.startswith(_PREFIX)
        }
        return cls(**named, patients=patients)

    def nearest(self, embedding: np.ndarray, count: int) -> list[SimilarCase]:
        """Give the most similar images to an embedding (embedding,), one per lesion."""
        place = _unit((embedding - self.centre)[None] @ self.directions)[0]
        likeness = self._unit_vectors @ place.astype(np.float32)
        found = {}  # lesion → its most similar image
        for row in np.argsort(-likeness, kind="stable"):
            found.setdefault(self.lesions[row], row)
            if len(found) == count:
                break
        return [self._case(row, likeness[row]) for row in found.values()]

    @cached_property
    def _unit_vectors(self) -> np.ndarray:
        return self.places.astype(np.float32)  # once: it takes longer than the search

    def _case(self, row: int, similarity: float) -> SimilarCase:
        values = {key: column[row].item() for key, column in self.patients.items()}
        known = {key: value for key, value in values.items() if not is_unknown(value)}
        return SimilarCase(
            archive_id(str(self.isic_ids[row])),
            str(self.diagnoses[row]),
            Patient(**known),
            min(float(similarity), 1.0),
        )


def _plain(column: pd.Series, field: Field) -> np.ndarray:
    if isinstance(field, NumberField):
        return column.to_numpy(np.float16)
    return column.fillna("").to_numpy(str)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
