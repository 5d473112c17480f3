"""Test-time augmentation: flipped and turned views of a photograph, whose outputs are averaged."""

from collections.abc import Iterator

import numpy as np

VIEW_COUNTS = (1, 2, 4, 8)
"""The image itself; with its half turn; with the mirror images of both; with all quarter turns."""

_QUARTER_TURNS_AND_FLIPS = (
    *((0, False), (2, False), (0, True), (2, True)),
    *((1, False), (1, True), (3, False), (3, True)),
)


def tta_views(images: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Give ``count`` views of square images (N, side, side, 3), each of that shape."""
    for turns, flipped in _QUARTER_TURNS_AND_FLIPS[:count]:
        turned = np.rot90(images, turns, axes=(1, 2))
        yield turned[:, :, ::-1] if flipped else turned


def aligned_mean(views: np.ndarray) -> np.ndarray:
    """Average maps of one image's views (V, side, side), each turned back: (side, side)."""
    count, side = views.shape[:2]
    total = np.zeros(side * side, np.float32)
    # The views of the cells' numbers tell where each cell of a view comes from.
    cells = tta_views(np.arange(side * side).reshape(1, side, side), count)
    for view, origin in zip(views, cells, strict=True):
        total[origin.ravel()] += view.ravel()
    return total.reshape(side, side) / count
