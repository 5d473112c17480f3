"""What a network sees in a photograph, and what can be asked of it, whatever it runs on."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

MAP_VIEWS = 4
"""Views of an image that activation maps are averaged over."""


@dataclass(frozen=True)
class Seen:
    """What the image part of a network made of the views of one photograph."""

    embeddings: np.ndarray  # (V, embedding), of the views that a prediction is averaged over
    features: np.ndarray  # (W, h, w, C), of these and those that a map is averaged over


class Opened(Protocol):
    """A network taken apart after the image part, so that contexts can be exchanged.

    Through Keras it is :class:`model.inference.opened.OpenedNetwork`, through LiteRT
    :class:`model.inference.lite.LiteNetwork`. Safe to use from many threads.
    """

    def look(self, images: np.ndarray) -> Seen:
        """See the views (V, side, side, 3) of one photograph, in [0, 255]."""

    def answer(self, embeddings: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Probabilities (P, classes), not calibrated, of one photograph for P encoded patients.

        Averaged over the photograph's views, whose embeddings (V, embedding) are given.
        """

    def cells(self, features: np.ndarray, encoded: np.ndarray, number: int) -> np.ndarray:
        """What each cell of the feature maps adds to the logit of a class: (V, h, w).

        ``features`` (V, h, w, C) are of the photograph's first ``MAP_VIEWS`` views, ``encoded``
        (1, width) is the patient.
        """
