"""The training images that the network finds most alike.

Embeddings of the training part are centred, reduced to their main directions (principal component
analysis) and scaled to unit length. A photograph's are treated alike; the scalar product is the
cosine of the angle between two.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from isic_api.image_id import archive_id
from model.inference.array_file import ArrayFile

DIRECTIONS = 64
"""Of the embedding; more grow the file without changing the nearest cases much."""


@dataclass(frozen=True)
class SimilarCase:
    """A training image and how much it is like the photograph."""

    isic_id: str
    diagnosis: str  # class code
    age_approx: float | None  # years
    sex: str | None
    anatom_site_general: str | None
    similarity: float  # cosine, at most 1


@dataclass(frozen=True)
class CaseIndex(ArrayFile):
    """The training images of a bundle, N rows; an unknown word is an empty string."""

    centre: np.ndarray  # (embedding,)
    directions: np.ndarray  # (embedding, DIRECTIONS)
    places: np.ndarray  # float16 (N, DIRECTIONS), unit length
    isic_ids: np.ndarray  # str (N,)
    lesions: np.ndarray  # int (N,): images of one lesion share a number
    diagnoses: np.ndarray  # str (N,), class codes
    ages: np.ndarray  # float16 (N,), years, NaN = unknown
    sexes: np.ndarray  # str (N,)
    sites: np.ndarray  # str (N,)

    @classmethod
    def fit(cls, embeddings: np.ndarray, table: pd.DataFrame) -> "CaseIndex":
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
            table["age_approx"].to_numpy(np.float16),
            table["sex"].fillna("").to_numpy(str),
            table["anatom_site_general"].fillna("").to_numpy(str),
        )

    def nearest(self, embedding: np.ndarray, count: int) -> list[SimilarCase]:
        """Give the most similar images to an embedding (embedding,), one a lesion."""
        place = _unit((embedding - self.centre)[None] @ self.directions)[0]
        likeness = self._places @ place.astype(np.float32)
        found = {}  # lesion → its most similar image
        for row in np.argsort(-likeness, kind="stable"):
            found.setdefault(self.lesions[row], row)
            if len(found) == count:
                break
        return [self._case(row, likeness[row]) for row in found.values()]

    @cached_property
    def _places(self) -> np.ndarray:
        return self.places.astype(np.float32)  # once: it takes longer than the search

    def _case(self, row: int, similarity: float) -> SimilarCase:
        age = float(self.ages[row])
        return SimilarCase(
            archive_id(str(self.isic_ids[row])),
            str(self.diagnoses[row]),
            None if np.isnan(age) else age,
            str(self.sexes[row]) or None,
            str(self.sites[row]) or None,
            min(float(similarity), 1.0),
        )


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
