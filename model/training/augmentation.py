"""Data augmentation: Keras layers that run on the training device, and mixup.

All layers take and give float32 images in [0, 255], shape (B, side, side, 3), and pass them on
unchanged outside training.
"""

import math

import keras
import numpy as np
from keras import ops

ROTATIONS = {"none": 2, "right-angle": 4, "free": 0}
"""Number of directions, 0 for any angle. Two of them, with the mirror image, are the flips."""

_ERASED = (0.02, 0.2)  # area of the patch that cutout hides, as a share of the image's


def build_augmenter(
    *,
    side: int,
    zoom: float,
    colour: float,
    downscale: float,
    seed: int,
    rotation: str = "free",
    shift: float = 0.05,
    shear: float = 0.0,
    cutout: float = 0.0,
) -> keras.Model:
    """Chain the layers: geometry, colour, resolution, cutout. See each for its setting.

    ``cutout`` is the share of the images of which a grey patch hides a part.
    """
    layers = [
        RandomView(
            zoom=zoom, rotation=rotation, shift=shift, shear=shear, seed=seed, name="random_view"
        ),
        RandomColour(strength=colour, seed=seed + 1, name="random_colour"),
    ]
    layers.append(RandomResolution(rate=downscale, seed=seed + 2, name="random_resolution"))
    if cutout:
        share = (cutout, cutout)
        erase = keras.layers.RandomErasing(share, _ERASED, 127, seed=seed + 4, value_range=(0, 255))
        layers.append(erase)
    image = changed = keras.Input((side, side, 3), name="image")
    for layer in layers:
        changed = layer(changed)
    return keras.Model(image, changed)


class _RandomLayer(keras.layers.Layer):
    def __init__(self, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(seed)

    def uniform(self, images: keras.KerasTensor, low: float, high: float) -> keras.KerasTensor:
        """One number per image, shape (B,)."""
        return keras.random.uniform((ops.shape(images)[0],), low, high, seed=self.generator)

    def call(self, images: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Change the images in training only."""
        return self.change(images) if training else images


class RandomView(_RandomLayer):
    """Flip, rotate, zoom, shear and shift, in a single resampling.

    Keras' own layers for these would resample, and so blur, the image once each.

    Args:
        zoom: largest relative change of size, as 0.2 for 1/1.2 to 1.2.
        rotation: one of ``ROTATIONS``.
        shift: largest shift along each axis, as a share of the side.
        shear: largest shift of a row along itself, as a share of its distance from the middle.
        seed: of the random numbers.
        kwargs: of the layer.
    """

    def __init__(
        self,
        zoom: float,
        rotation: str = "free",
        shift: float = 0.05,
        shear: float = 0.0,
        *,
        seed: int,
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.zoom, self.rotation, self.shift, self.shear = zoom, rotation, shift, shear

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Apply one random affine map per image; edges are filled by reflection."""
        middle = (images.shape[1] - 1) / 2
        angle = self.uniform(images, -math.pi, math.pi)
        if steps := ROTATIONS[self.rotation]:
            step = 2 * math.pi / steps
            angle = ops.floor(angle / step) * step
        scale = ops.exp(self.uniform(images, -1.0, 1.0) * math.log1p(self.zoom))
        flip = ops.sign(self.uniform(images, -1.0, 1.0))
        reach = self.shift * images.shape[1]
        shift = [self.uniform(images, -reach, reach) for _ in range(2)]
        cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
        # From output to input pixels: x' = a x + b y + c, y' = d x + e y + f.
        a, b, d, e = cos * flip, -sin, sin * flip, cos
        if self.shear:
            slant = self.uniform(images, -self.shear, self.shear)
            b, e = b + slant * a, e + slant * d
        left = middle + shift[0] - middle * (a + b)
        top = middle + shift[1] - middle * (d + e)
        none = ops.zeros_like(angle)
        maps = ops.stack([a, b, left, d, e, top, none, none], axis=1)
        return ops.image.affine_transform(
            images, maps, interpolation="bilinear", fill_mode="reflect"
        )


class RandomColour(_RandomLayer):
    """Change brightness, contrast and the gain of each colour channel.

    Args:
        strength: largest relative change of each, as 0.2 for 0.8 to 1.2; a channel's gain
            changes by half of it.
        seed: of the random numbers.
        kwargs: of the layer.
    """

    def __init__(self, *, strength: float, seed: int, **kwargs: object) -> None:
        super().__init__(seed=seed, **kwargs)
        self.strength = strength

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Scale about the image's mean colour, then scale each channel."""
        half = self.strength / 2
        contrast = 1 + self.uniform(images, -self.strength, self.strength)
        light = 1 + self.uniform(images, -self.strength, self.strength)
        gains = [light * (1 + self.uniform(images, -half, half)) for _ in range(3)]
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        changed = (images - mean) * contrast[:, None, None, None] + mean
        return ops.clip(changed * ops.stack(gains, axis=1)[:, None, None, :], 0.0, 255.0)


class RandomResolution(_RandomLayer):
    """Shrink some images and enlarge them again, so that blur does not reveal the source.

    Args:
        rate: share of the images that are shrunk to half their side.
        seed: of the random numbers.
        kwargs: of the layer.
    """

    def __init__(self, *, rate: float, seed: int, **kwargs: object) -> None:
        super().__init__(seed=seed, **kwargs)
        self.rate = rate

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Blur the chosen images."""
        side = images.shape[1]
        small = ops.image.resize(images, (side // 2, side // 2), antialias=True)
        blurred = ops.image.resize(small, (side, side))
        chosen = self.uniform(images, 0.0, 1.0) < self.rate
        return ops.where(chosen[:, None, None, None], blurred, images)


MIXUP_COLUMNS = 2
"""Columns of what :func:`draw_mixup` draws: the other image's position in the batch, its weight."""

_ALPHA = 0.4  # of mixup's Beta distribution; small: one of the two images mostly prevails


def draw_mixup(rng: np.random.Generator, count: int, *, share: float) -> np.ndarray:
    """Draw a partner and its weight for each of ``count`` images: float32, shape (count, 2).

    ``share`` of the images are mixed, the others get a weight of 0. Zhang et al. 2018,
    arXiv:1710.09412. Keras' own MixUp needs the labels inside the network: here labels and metadata
    are mixed where the batch is made, pixels on the training device.
    """
    mixed = rng.random(count) < share
    partner = rng.permutation(count)
    weight = np.where(mixed, rng.beta(_ALPHA, _ALPHA, count), 0.0)
    return np.column_stack([partner, weight]).astype(np.float32)


def mix_rows(rows: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """Mix the rows (B, ...) of a batch with those of their partners (B, 2)."""
    weight = partners[:, 1].reshape(-1, *[1] * (rows.ndim - 1))
    return ((1 - weight) * rows + weight * rows[partners[:, 0].astype(int)]).astype(rows.dtype)


class MixImages(keras.layers.Layer):
    """Mix float images (B, side, side, 3) with their partners (B, 2), in training only."""

    def call(
        self, images: keras.KerasTensor, partners: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        """Images of the same shape."""
        if not training:
            return images
        others = ops.take(images, ops.cast(partners[:, 0], "int32"), axis=0)
        weight = ops.cast(partners[:, 1, None, None, None], images.dtype)
        return images + weight * (others - images)

    def compute_output_shape(self, images_shape: tuple, partners_shape: tuple) -> tuple:
        """The images' shape."""
        return images_shape
