"""Random artefacts of dermoscopic photographs, so that a network learns to ignore them.

Hair, rulers, pen marks, gel bubbles, stickers and dark corners.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_CHANCES = {"hair": 0.25, "ruler": 0.12, "pen": 0.2, "bubbles": 0.12, "sticker": 0.06}
_CORNERS = 0.3  # share of photographs with a dark tube
_PENS = ((60, 40, 130), (30, 30, 90), (20, 60, 110), (90, 40, 100), (20, 20, 30), (40, 90, 60))


def draw_artefacts(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw over a copy of a square RGB photograph; each kind with a chance of its own."""
    image = image.copy()
    draw = ImageDraw.Draw(image, "RGBA")
    for kind, chance in _CHANCES.items():
        if rng.random() < chance:
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
