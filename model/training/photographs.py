"""Photographs that a network is trained on by way of frames around their lesions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from model.frame import Frame, crop_frame
from model.image import read_image
from model.training.artefacts import draw_artefacts
from model.training.finder import random_appearance
from model.training.settings import TrainConfig

_JITTER = 0.02  # standard deviation of a box's edges, as a share of the lesion's longer side
_STRETCH = 0.05  # of the logarithm of the aspect ratio
_STRETCH_OF_SQUARE = 0.12  # a square photograph may have been squeezed


@dataclass(frozen=True)
class Photographs:
    """Files and the boxes of their lesions, read anew for each batch.

    ``photographs[rows]`` gives uint8 (B, side, side, 3), like an array of prepared images, in the
    frame of the middle scale.
    """

    paths: Sequence[Path]
    boxes: np.ndarray  # (N, 4): x0, y0, x1, y1 in pixels of the upright photograph
    config: TrainConfig

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.paths)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """The frames of some rows, as serving would crop them."""
        scale = float(np.sqrt(self.config.frame_low * self.config.frame_high))
        return np.stack([self._frame(row, scale) for row in rows])

    def at_random(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames at random scale, place, angle and aspect ratio, with random appearance."""
        return np.stack([self._random_frame(row, rng) for row in rows])

    def _frame(self, row: int, scale: float) -> np.ndarray:
        frame = Frame.around(tuple(self.boxes[row]), scale)
        return np.asarray(crop_frame(read_image(self.paths[row]), frame, self.config.image_side))

    def _random_frame(self, row: int, rng: np.random.Generator) -> np.ndarray:
        image, config = read_image(self.paths[row]), self.config
        box = self.boxes[row]
        longer = max(box[2] - box[0], box[3] - box[1])
        box = box + rng.normal(0, _JITTER * longer, 4)
        scale = np.exp(rng.uniform(*np.log((config.frame_low, config.frame_high))))
        frame = Frame.around(tuple(map(float, box)), float(scale))
        x, y = np.array([frame.x, frame.y]) + rng.normal(0, config.shift, 2) * frame.side
        frame = Frame(float(x), float(y), frame.side)
        spread = _STRETCH_OF_SQUARE if image.width == image.height else _STRETCH
        square = crop_frame(
            image,
            frame,
            config.image_side,
            angle=float(rng.uniform(-180, 180)),
            stretch=float(np.exp(rng.normal(0, spread))),
        )
        if rng.random() < config.artefacts:
            square = draw_artefacts(square, rng)
        square = random_appearance(square, rng)
        if rng.random() < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(square)
