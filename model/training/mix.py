"""Mixing training images with others of their batch: mixup and CutMix.

Keras' own MixUp and CutMix need the labels inside the network. Here the batch brings a recipe:
labels and patients are mixed where the batch is made, pixels on the training device.

A recipe is one row an image: the other image's position in the batch, its weight, and the box
(left, top, right, bottom, as shares of the side) where it is mixed in. Mixup has a partial weight
and a box of all the image; CutMix a weight of 1 and a smaller box.
"""

import keras
import numpy as np
from keras import ops

RECIPE = 6
"""Columns of a recipe."""

_ALPHA = 0.4  # of mixup's Beta distribution; small: one of the two images mostly prevails


def draw_recipes(
    rng: np.random.Generator, count: int, *, mixup: float, cutmix: float
) -> np.ndarray:
    """Draw recipes for a batch of ``count`` images: float32, shape (count, 6).

    ``mixup`` and ``cutmix`` are the shares of the images that are mixed in that way; together at
    most 1. Source of the methods: arXiv:1710.09412, arXiv:1905.04899.
    """
    kind = rng.random(count)
    partner = rng.permutation(count)
    blend = rng.beta(_ALPHA, _ALPHA, count)
    half = np.sqrt(rng.random(count)) / 2  # the box's area is uniform from 0 to 1
    x, y = rng.random((2, count))
    box = np.stack([x - half, y - half, x + half, y + half], axis=1).clip(0, 1)
    box[kind < mixup] = 0, 0, 1, 1
    weight = np.where(kind < mixup, blend, kind < mixup + cutmix)
    return np.column_stack([partner, weight, box]).astype(np.float32)


def mix_rows(rows: np.ndarray, recipes: np.ndarray) -> np.ndarray:
    """Mix the rows (B, ...) of a batch by the other image's share of the pixels."""
    partner = recipes[:, 0].astype(int)
    left, top, right, bottom = recipes[:, 2:].T
    share = recipes[:, 1] * (right - left) * (bottom - top)
    share = share.reshape(-1, *[1] * (rows.ndim - 1))
    return ((1 - share) * rows + share * rows[partner]).astype(rows.dtype)


class MixImages(keras.layers.Layer):
    """Mix float images (B, side, side, 3) by their recipes (B, 6), in training only."""

    def call(
        self, images: keras.KerasTensor, recipes: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        """Images of the same shape."""
        if not training:
            return images
        place = (ops.arange(images.shape[1], dtype="float32") + 0.5) / images.shape[1]
        left, top, right, bottom = (recipes[:, column, None] for column in range(2, 6))
        across = ops.cast((place >= left) & (place < right), images.dtype)  # (B, side)
        down = ops.cast((place >= top) & (place < bottom), images.dtype)
        weight = recipes[:, 1, None, None] * down[:, :, None] * across[:, None, :]
        others = ops.take(images, ops.cast(recipes[:, 0], "int32"), axis=0)
        return images + weight[..., None] * (others - images)

    def compute_output_shape(self, images_shape: tuple, recipes_shape: tuple) -> tuple:
        """The images' shape."""
        return images_shape
