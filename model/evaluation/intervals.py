"""95 % intervals by a bootstrap over lesions.

Several images may show one lesion, so images are not independent: whole lesions are drawn with
replacement, and an image counts as often as its lesion was drawn. Figures that are a function of
sums over images come from one matrix product for all draws; ranks need the weights themselves.

What is computed this way has one row more than there are draws: the first is the sample itself.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import coo_array

DRAWS = 2_000
LEVEL = 0.95
_CHUNK = 250  # draws whose weights are held at a time: 250 x 10,000 float32 take 10 MB

Interval = dict[str, float | None]
"""``value``, ``low`` and ``high``; all None where the figure is not known."""


class LesionBootstrap:
    """The same draws for every figure, so that figures and networks can be compared in pairs."""

    def __init__(self, lesions: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> None:
        """Draw lesions, of which ``lesions`` (N,) gives every image's."""
        self.lesion = np.unique(np.asarray(lesions, str), return_inverse=True)[1]
        count = int(self.lesion.max()) + 1
        rng = np.random.default_rng(seed)
        times = [
            np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(draws)
        ]
        self.times = np.stack(times).astype(np.float32)  # (draws, lesions)
        ones = np.ones(len(self.lesion))
        self._join = coo_array((ones, (self.lesion, np.arange(len(ones))))).tocsr()

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum per-image values (N, ...): (1 + draws, ...)."""
        flat = values.reshape(len(values), -1).astype(float)
        per_lesion = (self._join @ flat).astype(np.float32)
        found = np.concatenate([flat.sum(axis=0)[None], self.times @ per_lesion])
        return found.reshape(-1, *values.shape[1:])

    def of_weights(
        self, figure: Callable[[np.ndarray], np.ndarray], rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Join what ``figure`` gives for weights (some draws, images) along the draws.

        ``rows`` picks the images that the figure is about, by position or as a mask.
        """
        lesion = self.lesion if rows is None else self.lesion[rows]
        starts = range(0, len(self.times), _CHUNK)
        found = [figure(self.times[start : start + _CHUNK][:, lesion]) for start in starts]
        return np.concatenate([figure(np.ones((1, len(lesion)))), *found])


def interval(figures: np.ndarray) -> Interval:
    """The sample's figure and its 95 % percentile interval, from (1 + draws,).

    Draws in which the figure is not known, because a class was not drawn, are left out.
    """
    value, draws = figures[0], figures[1:]
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return {"value": None, "low": None, "high": None}
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"value": float(value), "low": float(low), "high": float(high)}


def centred(figures: np.ndarray) -> np.ndarray:
    """Move the draws of an error, (1 + draws,), so that their mean is the sample's figure.

    Errors that add up absolute values grow with noise, and a draw is noisier than the sample.
    """
    draws = figures[1:]
    return np.r_[figures[0], np.maximum(draws - np.nanmean(draws) + figures[0], 0.0)]


def two_sided_p(differences: np.ndarray) -> float | None:
    """Bootstrap p-value of "no difference", from (1 + draws,); None where it is not known.

    Twice the smaller share of draws on either side of 0, at least 2 / (draws + 1).
    """
    draws = differences[1:]
    known = draws[~np.isnan(draws)]
    if not len(known):
        return None
    smaller = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (smaller + 1) / (len(known) + 1)))
