"""The things that a picture of a network is put together from. Sizes and places are in inches."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

INK, QUIET, LINE = "#222222", "#666666", "#888888"
NAME, SMALL = 12, 10.5  # points
CENTRED = {"ha": "center", "va": "center"}

Place = tuple[float, float]


def pale(colour: str, white: float = 0.72) -> tuple[float, ...]:
    """The colour mixed with so much white."""
    rgb = np.array(to_rgb(colour))
    return tuple(rgb + (1 - rgb) * white)


def box(
    axes: Axes, corner: Place, size: Place, *, edge: str, fill: object, rounding: float = 0.05
) -> None:
    """A box with rounded corners; ``corner`` is the lower left one."""
    style = f"round,pad=0,rounding_size={rounding}"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec=edge, lw=1.4))


def bar(axes: Axes, corner: Place, size: Place, *, colour: str) -> None:
    """A plain bar."""
    axes.add_patch(Rectangle(corner, *size, fc=pale(colour), ec=colour, lw=0.8))


def photograph(axes: Axes, corner: Place, side: float, *, edge: str) -> None:
    """A drawing of a lesion on skin; nobody's."""
    axes.add_patch(Rectangle(corner, side, side, fc="#f3d9c9", ec=edge, lw=1.6))
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radii = 0.26 + 0.04 * np.sin(3 * angles) + 0.02 * np.cos(5 * angles + 1)
    outline = side * np.stack([1.15 * radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    for scale, shade in ((1.0, "#b07c62"), (0.72, "#8a5843"), (0.4, "#63392b")):
        axes.add_patch(Polygon(corner + np.array(side / 2) + scale * outline, fc=shade, ec="none"))


def slab(axes: Axes, corner: Place, *, thick: float, depth: float, colour: str) -> None:
    """Feature maps, seen from their front left: ``thick`` wide, their face going back.

    As high as ``depth``, and 0.3 of it wider than thick.
    """
    near, back = thick, thick + 0.3 * depth
    low, high = 0.2 * depth, 0.8 * depth
    sides = {
        0.55: [(0, 0), (near, 0), (near, high), (0, high)],
        0.8: [(0, high), (near, high), (back, depth), (back - thick, depth)],
        0.7: [(near, 0), (back, low), (back, depth), (near, high)],
    }
    for white, corners in sides.items():
        at = np.array(corners) + corner
        axes.add_patch(Polygon(at, fc=pale(colour, white), ec=colour, lw=1, joinstyle="round"))


def arrow(axes: Axes, start: Place, end: Place) -> None:
    """An arrow."""
    look = {"arrowstyle": "-|>", "color": LINE, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=look)


def label(axes: Axes, middle: float, top: float, title: str, *lines: str) -> None:
    """Write below a thing: its name, then its shape and a note; what is empty takes no room."""
    if title:
        axes.text(middle, top - 0.23, title, ha="center", size=NAME, color=INK)
        top -= 0.2
    for line in filter(None, lines):
        axes.text(middle, top - 0.22, line, ha="center", size=SMALL, color=QUIET)
        top -= 0.19


def times(shape: Sequence[int]) -> str:
    """A shape in words: 4 × 4 × 768."""
    return " × ".join(map(str, shape))
