"""Flipped and turned copies of a photograph, over which a prediction is averaged."""

from collections.abc import Iterator

import numpy as np

VIEW_COUNTS = (1, 2, 4, 8)
"""As it is; with its half turn; with both mirror images of these; with all quarter turns."""


def views(images: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Give ``count`` views of square images (N, side, side, 3), each of that shape."""
    steps = [
        (0, False),
        (2, False),
        (0, True),
        (2, True),
        *((k, f) for k in (1, 3) for f in (0, 1)),
    ]
    for turns, flipped in steps[:count]:
        turned = np.rot90(images, turns, axes=(1, 2))
        yield turned[:, :, ::-1] if flipped else turned


def turned_back(maps: np.ndarray) -> np.ndarray:
    """Average maps of one image's views (V, side, side), each turned back: (side, side)."""
    count, side = maps.shape[:2]
    total = np.zeros(side * side, np.float32)
    # Viewing the cells' numbers tells where each cell of a view comes from.
    cells = views(np.arange(side * side).reshape(1, side, side), count)
    for view, origin in zip(maps, cells, strict=True):
        total[origin.ravel()] += view.ravel()
    return total.reshape(side, side) / count
