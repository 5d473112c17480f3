"""Where in the photograph the network found its answer: gradient-weighted class activation maps.

Grad-CAM (Selvaraju et al. 2017) weighs the last feature maps by how much the class's logit grows
with each. Here the maps are averaged over the image before anything else happens to them, so the
gradient is the same everywhere and the map is exactly what each place adds to the logit, to first
order. Only the layers after the feature maps are differentiated, which takes no time. Feature maps
of a few cells lie askew, since a network pads its edges unevenly; the mean over the half turn and
the mirror images sets that right.
"""

from typing import TYPE_CHECKING

import numpy as np

from model.inference.seen import MAP_VIEWS, Opened
from model.inference.tta import views

if TYPE_CHECKING:
    from model.inference.opened import OpenedNetwork

_BATCH = 64


def maps_of_images(
    opened: "OpenedNetwork", images: np.ndarray, encoded: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Compute one map an image: float32 (N, h, w) in [0, 1], as coarse as the feature maps.

    Args:
        opened: the network.
        images: prepared images, (N, side, side, 3).
        encoded: their patients, (N, width).
        classes: number of the class to explain, (N,).
    """
    found = []
    for start in range(0, len(images), _BATCH):
        rows = slice(start, start + _BATCH)
        turned = [
            opened.cells_of_many(opened.look(view).features, encoded[rows], classes[rows])
            for view in views(images[rows], MAP_VIEWS)
        ]
        found.append(_turned_back(np.stack(turned)))
    return _scaled(np.concatenate(found))


def map_of_views(
    opened: Opened, features: np.ndarray, encoded: np.ndarray, number: int
) -> np.ndarray:
    """Compute the map of one image from the feature maps of its views: float32 (h, w) in [0, 1].

    Args:
        opened: the network.
        features: of the first ``MAP_VIEWS`` views or more, (V, h, w, C).
        encoded: the patient, (1, width).
        number: of the class to explain.
    """
    cells = opened.cells(features[:MAP_VIEWS], encoded, number)
    return _scaled(_turned_back(cells[:, None]))[0]


def _turned_back(maps: np.ndarray) -> np.ndarray:
    """Average the maps of the views, (V, N, h, w), each turned back to the image: (N, h, w)."""
    count, images, side = maps.shape[:3]
    total = np.zeros((images, side * side), np.float32)
    # Viewing the cells' numbers tells where each cell of a view comes from.
    cells = views(np.arange(side * side).reshape(1, side, side), count)
    for view, origin in zip(maps, cells, strict=True):
        total[:, origin.ravel()] += view.reshape(images, -1)
    return total.reshape(-1, side, side) / count


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Leave out what speaks against the class, as in the paper, and scale to [0, 1]."""
    maps = np.maximum(maps, 0.0)
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)
