"""The square crop around a lesion that networks see, the same in training and serving.

A frame may reach beyond the photograph: what lies there is mirrored skin. Coordinates are pixels of
the upright photograph, x to the right and y down, (0, 0) the outer corner of the first pixel.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.errors import BoxError, ImageError

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""

FINDER_SIDE = 112
"""Pixels, side of the square that the lesion finder sees."""

SMALLEST_SIDE = 8.0
"""Pixels; a smaller frame shows no dermoscopic structure."""


@dataclass(frozen=True)
class Frame:
    """A square, by its centre and side."""

    x: float
    y: float
    side: float

    @classmethod
    def around(cls, box: Box, scale: float) -> "Frame":
        """The square about a lesion's box, its side ``scale`` times the lesion's longer side."""
        x0, y0, x1, y1 = box
        side = scale * max(x1 - x0, y1 - y0, SMALLEST_SIDE)
        return cls((x0 + x1) / 2, (y0 + y1) / 2, side)

    @classmethod
    def whole(cls, width: int, height: int) -> "Frame":
        """The square that holds the whole photograph."""
        return cls(width / 2, height / 2, max(width, height))

    @property
    def box(self) -> Box:
        """The corners."""
        half = self.side / 2
        return self.x - half, self.y - half, self.x + half, self.y + half


def parse_box(text: str) -> Box:
    """Read a box that was written as ``40,30,160,140``, in brackets or without.

    Raises:
        BoxError: it is not four numbers, or has no area.
    """
    try:
        x0, y0, x1, y1 = map(float, text.strip(" []()").split(","))
    except ValueError as error:
        raise BoxError(f"box {text!r} is not four numbers. Give x0,y0,x1,y1 in pixels.") from error
    return _with_area((x0, y0, x1, y1))


def box_text(box: Box | None) -> str:
    """A box as :func:`parse_box` reads it, to a tenth of a pixel; empty for none."""
    return ",".join(f"{edge:.1f}" for edge in box or ())


def check_box(box: Box, width: int, height: int) -> Box:
    """Check a lesion's box that was drawn or typed.

    Raises:
        BoxError: it has no area or lies outside the photograph.
    """
    x0, y0, x1, y1 = _with_area(box)
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise BoxError(
            f"the box {box} lies outside the photograph of {width} x {height} pixels. Give "
            "coordinates of the upright photograph."
        )
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))


def _with_area(box: Box) -> Box:
    x0, y0, x1, y1 = box
    if not all(map(math.isfinite, box)) or x1 <= x0 or y1 <= y0:
        raise BoxError(f"the box {box} has no area. Give x0, y0, x1, y1 with x0 < x1, y0 < y1.")
    return box


def crop_frame(
    image: Image.Image, frame: Frame, size: int, *, angle: float = 0.0, stretch: float = 1.0
) -> Image.Image:
    """Crop a frame and resize it to ``size`` x ``size`` pixels.

    Shrinking averages, so that a photograph and its reduced copy come out alike.

    Args:
        image: RGB, or a mask in "L".
        frame: in the image's pixels.
        size: side of the result in pixels.
        angle: by which the frame is turned about its centre, degrees.
        stretch: width of the frame over its height, for training with changed proportions.
    """
    turned = math.radians(angle)
    # The upright square that holds the turned frame.
    reach = abs(math.cos(turned)) + abs(math.sin(turned))
    wide = size if reach < 1.001 else 2 * math.ceil(size * reach / 2)
    half = frame.side / 2 * wide / size
    half_width, half_height = half * math.sqrt(stretch), half / math.sqrt(stretch)
    box = frame.x - half_width, frame.y - half_height, frame.x + half_width, frame.y + half_height
    upright = _mirrored(image, box, wide)
    if not angle % 360:
        return upright
    around = upright.rotate(angle, Image.Resampling.BICUBIC)
    edge = (wide - size) // 2
    return around.crop((edge, edge, edge + size, edge + size))


def _mirrored(image: Image.Image, box: Box, size: int) -> Image.Image:
    """Resize a box to a square; what lies beyond the image is mirrored at its edges."""
    starts, ends = box[:2], box[2:]
    inside, margins = [], []
    for start, end, length in zip(starts, ends, image.size, strict=True):
        pixel = (end - start) / size
        before = min(max(round(-start / pixel), 0), size - 1)
        after = min(max(round((end - length) / pixel), 0), size - 1 - before)
        # Margins are whole pixels of the result, so that no edge is blurred.
        inside.append((max(start, 0.0), min(end, float(length)), size - before - after))
        margins.append((before, after))
    (left, right, width), (top, bottom, height) = inside
    if right - left < 1e-3 or bottom - top < 1e-3:
        raise ImageError("the frame lies outside the photograph. Give one that overlaps it.")
    part = _resized(image, (width, height), (left, top, right, bottom))
    if not any(sum(margins, ())):
        return part
    columns, rows = margins
    pads = (rows, columns) if part.mode == "L" else (rows, columns, (0, 0))
    return Image.fromarray(np.pad(np.asarray(part), pads, mode="symmetric"))


def _resized(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resize a box, so that a turned photograph gives the turned result to the last bit.

    Pillow rounds between its horizontal and its vertical pass; the mean of both orders is
    symmetric.
    """

    def resized(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
        return image.resize(size, Image.Resampling.BILINEAR, box=box)

    turn = Image.Transpose.TRANSPOSE
    left, top, right, bottom = box
    turned = resized(image.transpose(turn), size[::-1], (top, left, bottom, right))
    return Image.blend(resized(image, size, box), turned.transpose(turn), 0.5)
