"""Random changes of training images, as Keras layers that run on the training device.

All take and give float32 images in [0, 255], shape (B, side, side, 3), and pass them on unchanged
outside training.
"""

import math

import keras
from keras import ops

TURNS = {"none": 2, "right-angle": 4, "free": 0}
"""Directions that an image may be turned to; of two, with the mirror image, mirroring both ways is
left. 0 stands for any angle."""

_ERASED = (0.02, 0.2)  # area of the patch that cutout hides, as a share of the image's


def build_augmenter(
    *,
    side: int,
    zoom: float,
    colour: float,
    low_resolution: float,
    seed: int,
    turn: str = "free",
    shift: float = 0.05,
    shear: float = 0.0,
    hue: float = 0.0,
    cutout: float = 0.0,
) -> keras.Model:
    """Chain the layers: view, colour, hue, resolution, cutout. See each for its setting.

    ``hue`` is the largest turn of the colour circle (0.1 for 18 degrees either way), ``cutout`` the
    share of the images of which a grey patch hides a part.
    """
    value_range = {"value_range": (0, 255)}
    layers = [
        RandomView(zoom=zoom, turn=turn, shift=shift, shear=shear, seed=seed, name="random_view"),
        RandomColour(strength=colour, seed=seed + 1, name="random_colour"),
    ]
    if hue:
        layers.append(keras.layers.RandomHue(hue, seed=seed + 3, **value_range))
    layers.append(RandomResolution(rate=low_resolution, seed=seed + 2, name="random_resolution"))
    if cutout:
        share = (cutout, cutout)
        erase = keras.layers.RandomErasing(share, _ERASED, 127, seed=seed + 4, **value_range)
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
        """One number an image, shape (B,)."""
        return keras.random.uniform((ops.shape(images)[0],), low, high, seed=self.generator)

    def call(self, images: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Change the images in training only."""
        return self.change(images) if training else images


class RandomView(_RandomLayer):
    """Flip, turn, zoom, shear and shift, in a single resampling.

    Keras' own layers for these would resample, and so blur, the image once each.

    Args:
        zoom: largest relative change of size, as 0.2 for 1/1.2 to 1.2.
        turn: one of ``TURNS``.
        shift: largest shift along each axis, as a share of the side.
        shear: largest shift of a row along itself, as a share of its distance from the middle.
        seed: of the random numbers.
        kwargs: of the layer.
    """

    def __init__(
        self,
        *,
        zoom: float,
        seed: int,
        turn: str = "free",
        shift: float = 0.05,
        shear: float = 0.0,
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.zoom, self.turn, self.shift, self.shear = zoom, turn, shift, shear

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Apply one random affine map an image; what comes in at the edge is mirrored."""
        middle = (images.shape[1] - 1) / 2
        angle = self.uniform(images, -math.pi, math.pi)
        if steps := TURNS[self.turn]:
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
    """Shrink some images and enlarge them again, so that blur does not tell the source.

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
