"""Embeddings as the OOD detectors and the case index keep them: vectors of a bounded width, a file.

Networks that keep all cells of their feature maps have embeddings of up to 200,000 values, of which
nobody can fit a covariance. Those wider than :data:`WIDEST` are projected at random: each value
gets a random sign and is added to one of 761 sums (a count sketch: Charikar et al. 2002; of
features, Weinberger et al. 2009, arXiv:0902.2206). Distances and scalar products are kept within
some percent (about 1 / √761). Principal components would keep more, but they need a pass over the
images before the one that uses them, and a file of embedding × width numbers; this is a seed, and
one addition per value.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from model.errors import BundleError

WIDEST = 768
"""Embeddings up to this width, such as the shipped network's, stay as they are."""

_SUMS = 761  # prime, so that no channel, row or column of the feature maps keeps to a few sums


@dataclass(frozen=True)
class Projection:
    """From embeddings (N, embedding) to vectors (N, width)."""

    embedding: int
    width: int = _SUMS
    seed: int = 0

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Project: value number n is added to sum number n modulo the width."""
        even = self.embedding - self.embedding % self.width
        shape = (-1, self.width)
        blocks = embeddings[:, :even].reshape(len(embeddings), *shape)
        sums = np.einsum("nbw,bw->nw", blocks, self._signs[:even].reshape(shape))
        sums[:, : self.embedding - even] += embeddings[:, even:] * self._signs[even:]
        return sums

    @cached_property
    def _signs(self) -> np.ndarray:
        # Raw bits, since NumPy promises the same ones in every version for these alone.
        bits = np.random.PCG64(self.seed).random_raw(self.embedding)
        return np.where(bits >> 63, 1, -1).astype(np.float32)


def projection_for(width: int) -> Projection | None:
    """The projection of embeddings of a width; None for those that stay as they are."""
    return Projection(width) if width > WIDEST else None


def image_vectors(embeddings: np.ndarray, projection: Projection | None) -> np.ndarray:
    """One vector per image (N, width) of embeddings (N, embedding) or of cells (N, cells, C)."""
    if embeddings.ndim == 3:
        embeddings = embeddings.mean(axis=1)
    return projection(embeddings) if projection else embeddings


class ArrayFile:
    """Base of dataclasses of arrays: kept as one compressed NumPy file, which holds no code."""

    def save(self, path: Path) -> None:
        """Write the fields by their names."""
        with path.open("wb") as file:  # NumPy would add its own ending to another path
            np.savez_compressed(file, **self.arrays())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            BundleError: the file is missing, damaged, or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls.of_arrays(dict(arrays))
        except (OSError, ValueError, TypeError, EOFError, KeyError) as error:
            raise BundleError(
                f"{path} cannot be read ({type(error).__name__}: {error}). Copy the whole bundle "
                "again, or run: python -m model calibrate"
            ) from error

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays to save, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(**arrays)
