"""Whether a photograph can be judged at all: its light, its sharpness, the lesion's size.

Each measure is taken of the prepared square, so that it sees what the network sees. A photograph
is worth a warning where a measure lies beyond nearly all training images of every source: limits
are set on the training part by :func:`fit_limits` and travel in the bundle. Sharpness is measured
on a copy of 64 x 64 pixels, since some sources have hardly more; it detects strong blur only.
"""

from collections.abc import Mapping

import numpy as np
from PIL import Image

SHARE_BEYOND = 0.005
"""Share of the training images of the most extreme source that is beyond each limit."""

SMALLEST_SIDE = 80
"""Pixels; no training image has a shorter side."""

_COMMON_SIDE = 64  # pixels, at which sharpness is measured
_TOO_LOW = {"dark": "light", "flat": "contrast", "blurred": "sharpness", "small_lesion": "lesion"}
_TOO_HIGH = {"bright": "light"}
_ORDER = ("blurred", "dark", "bright", "flat", "small_lesion")  # worst first


def measure(prepared: np.ndarray) -> dict[str, float]:
    """Measure one prepared image, uint8 (side, side, 3).

    light: mean brightness, 0 to 255. contrast: its standard deviation. sharpness: variance of the
    Laplacian over the variance, without unit. lesion: share of the area that is darker than the
    threshold of Otsu (1979).
    """
    grey = Image.fromarray(np.ascontiguousarray(prepared)).convert("L")
    small = np.asarray(grey.resize((_COMMON_SIDE, _COMMON_SIDE), Image.Resampling.BOX), float)
    spread = small.std()
    return {
        "light": float(small.mean()),
        "contrast": float(spread),
        "sharpness": float(_laplacian(small).var() / max(spread**2, 1e-6)),
        "lesion": float((small < _otsu(small)).mean()),
    }


def fit_limits(images: np.ndarray, sources: np.ndarray) -> dict[str, float]:
    """Set a limit for each problem on images (N, side, side, 3) of so many sources (N,)."""
    rows = [measure(image) for image in images]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    groups = [sources == source for source in np.unique(sources)]
    limits = {
        problem: min(np.quantile(values[name][group], SHARE_BEYOND) for group in groups)
        for problem, name in _TOO_LOW.items()
    } | {
        problem: max(np.quantile(values[name][group], 1 - SHARE_BEYOND) for group in groups)
        for problem, name in _TOO_HIGH.items()
    }
    return {problem: float(limit) for problem, limit in limits.items()}


def find_problems(
    prepared: np.ndarray, size: tuple[int, int], limits: Mapping[str, float]
) -> tuple[str, ...]:
    """Name what is wrong with a photograph, worst first; nothing where a bundle has no limits.

    Args:
        prepared: the image as the network sees it, uint8 (side, side, 3).
        size: width and height of the photograph in pixels.
        limits: of :func:`fit_limits`.
    """
    found = measure(prepared)
    beyond = {p for p, name in _TOO_LOW.items() if p in limits and found[name] < limits[p]}
    beyond |= {p for p, name in _TOO_HIGH.items() if p in limits and found[name] > limits[p]}
    small = ("small_image",) if limits and min(size) < SMALLEST_SIDE else ()
    return (*(problem for problem in _ORDER if problem in beyond), *small)


def _laplacian(grey: np.ndarray) -> np.ndarray:
    inner = grey[1:-1, 1:-1]
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner


def _otsu(grey: np.ndarray) -> float:
    """The brightness that best divides the pixels into a dark and a bright class."""
    counts, edges = np.histogram(grey, bins=256, range=(0, 256))
    below = np.cumsum(counts)
    total = np.cumsum(counts * edges[:-1])
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / below - (total[-1] - total) / above
    between = np.nan_to_num(below * above * apart**2)
    return float(edges[1:][between.argmax()])
