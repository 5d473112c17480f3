"""Embeddings as vectors of a bounded width, the same for the detector and for the case index.

Networks that keep all cells of their feature maps have embeddings of up to 200,000 values, of which
nobody can fit a covariance. Those wider than :data:`WIDTH` are projected at random: each value gets
a sign and is added to one of ``WIDTH`` sums (a count sketch: Charikar et al. 2002; of features,
Weinberger et al. 2009, arXiv:0902.2206). Distances and scalar products are kept within some percent
(1 / √WIDTH). Principal components would keep more, but they need a pass over the images before the
one that uses them, and a file of embedding × WIDTH numbers; this is a seed, and one addition per
value.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

WIDTH = 768
"""Embeddings up to this width, such as the shipped network's, stay as they are."""


@dataclass(frozen=True)
class Projection:
    """From embeddings (N, embedding) to vectors (N, width)."""

    embedding: int
    width: int = WIDTH
    seed: int = 0

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Project, in float32."""
        order, signs = self._order_and_signs
        starts = np.arange(self.width) * self.embedding // self.width
        return np.add.reduceat(embeddings[:, order] * signs, starts, axis=1)

    @cached_property
    def _order_and_signs(self) -> tuple[np.ndarray, np.ndarray]:
        """Which values are added to each sum, one sum after another, and with which signs."""
        # Raw bits, since NumPy promises the same ones in every version for these alone.
        bits = np.random.PCG64(self.seed).random_raw(self.embedding)
        return np.argsort(bits, kind="stable"), np.where(bits & 1, 1, -1).astype(np.float32)


def projection_for(width: int) -> Projection | None:
    """The projection of embeddings of a width; None for those that stay as they are."""
    return Projection(width) if width > WIDTH else None


def image_vectors(embeddings: np.ndarray, projection: Projection | None) -> np.ndarray:
    """One vector per image (N, width) of embeddings (N, embedding) or of cells (N, cells, C)."""
    if embeddings.ndim == 3:
        embeddings = embeddings.mean(axis=1)
    return projection(embeddings) if projection else embeddings
