"""Data augmentation: Keras layers that run on the training device, mixup, and artefacts.

All layers take and give float32 images in [0, 255], shape (B, side, side, 3), and pass them on
unchanged outside training. Artefacts of dermoscopic photographs (hair, rulers, pen marks, gel
bubbles, stickers, dark corners) and changed appearance are for frames, one by one, with Pillow.
"""

import io
import math

import keras
import numpy as np
from keras import ops
from PIL import Image, ImageDraw, ImageFilter

ROTATIONS = {"none": 2, "right-angle": 4, "free": 0}
"""Number of directions, 0 for any angle. Two of them, with the mirror image, are the flips."""

_ERASED = (0.02, 0.2)  # area of the patch that cutout hides, as a share of the image's

_ARTEFACT_PROBABILITIES = {
    "hair": 0.25,
    "ruler": 0.12,
    "pen": 0.2,
    "bubbles": 0.12,
    "sticker": 0.06,
}
_CORNERS = 0.3  # share of photographs with a dark tube
_PENS = ((60, 40, 130), (30, 30, 90), (20, 60, 110), (90, 40, 100), (20, 20, 30), (40, 90, 60))


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


def draw_artefacts(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw artefacts over a copy of a square RGB photograph, each kind with its own probability."""
    image = image.copy()
    draw = ImageDraw.Draw(image, "RGBA")
    for kind, probability in _ARTEFACT_PROBABILITIES.items():
        if rng.random() < probability:
            _DRAWN[kind](draw, image.width, rng)
    return _dark_corners(image, rng) if rng.random() < _CORNERS else image


def _curve(side: int, rng: np.random.Generator, bend: float) -> list[tuple[float, float]]:
    """A smooth stroke through the picture: a quadratic Bezier curve."""
    start, end = rng.uniform(-0.1, 1.1, (2, 2)) * side
    middle = (start + end) / 2 + rng.normal(0, bend * side, 2)
    t = np.linspace(0, 1, 12)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return [tuple(point) for point in points]


def _hair(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    shade = rng.integers(10, 70)
    colour = (*(int(c) for c in (shade + 20, shade + 8, shade)), int(rng.integers(110, 230)))
    for _ in range(rng.integers(2, 25)):
        draw.line(_curve(side, rng, 0.15), fill=colour, width=int(rng.integers(1, 3)))


def _ruler(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    place, step = rng.uniform(0.02, 0.25) * side, rng.uniform(0.02, 0.08) * side
    far, upright = rng.random() < 0.5, rng.random() < 0.5
    shade = int(rng.choice([20, 235]))
    for number, position in enumerate(np.arange(0, side, step)):
        length = (0.08 if number % 5 == 0 else 0.04) * side
        first, last = (side - place, side - place + length) if far else (place - length, place)
        ends = (
            [(first, position), (last, position)]
            if upright
            else [
                (position, first),
                (position, last),
            ]
        )
        draw.line(ends, fill=(shade, shade, shade, 220), width=1)


def _pen(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    colour = (*_PENS[rng.integers(len(_PENS))], int(rng.integers(120, 220)))
    width = int(rng.integers(2, max(3, side // 14)))
    if rng.random() < 0.4:  # a ring or arc about the lesion, or dots beside it
        x, y = rng.uniform(0.35, 0.65, 2) * side
        radius = rng.uniform(0.35, 0.6) * side
        start = rng.uniform(0, 360)
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.arc(box, start, start + rng.uniform(40, 360), fill=colour, width=width)
        return
    for _ in range(rng.integers(1, 4)):
        edge = rng.choice([rng.uniform(-0.05, 0.22), rng.uniform(0.78, 1.05)]) * side
        along = rng.uniform(0, 1) * side
        x, y = (edge, along) if rng.random() < 0.5 else (along, edge)
        reach = rng.uniform(0.03, 0.2) * side
        if rng.random() < 0.4:
            draw.ellipse((x - width, y - width, x + width, y + width), fill=colour)
        else:
            turn = rng.uniform(0, 2 * np.pi)
            step = (reach * np.cos(turn), reach * np.sin(turn))
            draw.line([(x - step[0], y - step[1]), (x + step[0], y + step[1])], colour, width)


def _bubbles(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 8)):
        x, y = rng.uniform(0, side, 2)
        radius = rng.uniform(0.01, 0.08) * side
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=(255, 255, 255, 30), outline=(255, 255, 255, 150))
        gleam = radius / 4
        draw.ellipse((x - gleam, y - gleam, x + gleam, y + gleam), fill=(255, 255, 255, 200))


def _sticker(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    x, y = rng.choice([-0.02, 0.9], 2) * side + rng.uniform(-0.1, 0.1, 2) * side
    reach = rng.uniform(0.1, 0.3) * side
    colour = tuple(int(c) for c in rng.integers(0, 255, 3))
    draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colour, 255))


def _dark_corners(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Black out what lies outside of a circle, with a soft edge."""
    side = image.width
    inside = Image.new("L", image.size, 0)
    radius = rng.uniform(0.46, 0.72) * side
    x, y = rng.normal(0.5, 0.03, 2) * side
    ImageDraw.Draw(inside).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    soft = inside.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.03 * side)))
    shade = int(rng.integers(0, 35))
    return Image.composite(image, Image.new("RGB", image.size, (shade, shade, shade)), soft)


_DRAWN = {"hair": _hair, "ruler": _ruler, "pen": _pen, "bubbles": _bubbles, "sticker": _sticker}


def random_appearance(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Vary what depends on the camera, not the lesion: colours, sharpness, noise, compression."""
    values = np.asarray(image, np.float32)
    mean = values.mean((0, 1), keepdims=True)
    values = (values - mean) * rng.uniform(0.7, 1.3) + mean
    values = values * (rng.uniform(0.75, 1.25) * rng.uniform(0.88, 1.12, 3))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(1, 9), values.shape)
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.15:
        small = max(16, int(image.width * rng.uniform(0.3, 0.8)))
        image = image.resize((small, small), Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BILINEAR
        )
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(25, 90)))
        image = Image.open(buffer).convert("RGB")
    return image
