"""The lesions of a photograph, drawn on it: their outlines, the frame, and which may be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from demo.templates import Templates
from model.frame import Box, Frame
from model.inference.finder import Finding
from model.inference.study import Study

_SIDE = 640  # pixels of the photograph's longer side, twice what is shown
_STROKES = (("black", 4), ("white", 2))  # seen on any skin
_TARGET = 0.12  # of the photograph's shorter side: what can be hit by a finger


@dataclass(frozen=True)
class Drawn:
    """A lesion as SVG draws it, in pixels of the upright photograph."""

    box: Box
    path: str
    target: str  # path of what is pressed to choose it
    is_framed: bool


def lesions_html(study: Study, found: Study, templates: Templates) -> Markup | str:
    """The photograph with its lesions; empty for a network that looks at all of it.

    ``found`` is the study of the lesion that was found, where ``study`` is of another.
    """
    framed = study.framed
    if framed.frame is None:
        return ""
    lesions = drawn_lesions(found.framed.finding, framed.box, study.size)
    own = framed.box and not any(one.is_framed for one in lesions)
    words, edges = templates.texts.lesions, framed.box or (0, 0, *study.size)
    names = (words.left, words.top, words.right, words.bottom)
    photograph = study.photograph.copy()
    photograph.thumbnail((_SIDE, _SIDE))
    return templates.render(
        "lesions",
        photograph=photograph,
        size=study.size,
        lesions=lesions,
        own=rectangle(framed.box) if own else "",
        frame=rectangle(seen_part(framed.frame, study.size)),
        edges=[(name, round(edge)) for name, edge in zip(names, edges, strict=True)],
        fills=framed.finding is not None and framed.finding.fills,
        is_found=study is found,
        any_found=bool(lesions),
    )


def drawn_lesions(
    finding: Finding | None, framed: Box | None, size: tuple[int, int]
) -> list[Drawn]:
    """What was found in a photograph of a size, the lesion with the box ``framed`` marked."""
    if finding is None:
        return []
    least, drawn = _TARGET * min(size), []
    for number, lesion in enumerate(finding.lesions):
        # Only the first got a closer look.
        closer = finding.outline, finding.frame
        path = _outline(lesion.box, *(finding.overview, Frame.whole(*size)) if number else closer)
        x0, y0, x1, y1 = lesion.box
        wide, high = (max(least - length, 0) / 2 for length in (x1 - x0, y1 - y0))
        target = rectangle((x0 - wide, y0 - high, x1 + wide, y1 + high))
        drawn.append(Drawn(lesion.box, path, target, lesion.box == framed))
    return drawn


def _outline(box: Box, cells: np.ndarray, frame: Frame) -> str:
    """The part of a map's contour that is around a lesion, as path of SVG."""
    cell = frame.side / len(cells)
    lines = contour(cells) * cell + frame.box[:2]
    middles, (x0, y0, x1, y1) = lines.mean(axis=1), box
    inside = (middles >= (x0 - cell, y0 - cell)) & (middles <= (x1 + cell, y1 + cell))
    return "".join(
        f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in lines[inside.all(axis=1)]
    )


def contour(cells: np.ndarray) -> np.ndarray:
    """Where a map (h, w) passes one half: lines (N, 2, 2) from x, y to x, y in cells.

    Marching squares (Lorensen and Cline 1987) between the cells' middles; beyond the map is none.
    """
    known = np.pad(cells, 1)
    inside = known > 0.5
    corners = [known[:-1, :-1], known[:-1, 1:], known[1:, 1:], known[1:, :-1]]  # clockwise
    within = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]]
    places = [(0, 0), (1, 0), (1, 1), (0, 1)]
    rows, columns = np.indices(corners[0].shape)
    passed, points = [], []
    for here, there in ((0, 1), (1, 2), (2, 3), (3, 0)):  # the four sides of each square
        passed.append(within[here] != within[there])
        rise = np.where(passed[-1], corners[there] - corners[here], 1)
        way = (0.5 - corners[here]) / rise
        (x, y), (to_x, to_y) = places[here], places[there]
        # The padding moved the map by one cell; its middles are at one half.
        points.append(
            np.stack(
                [columns + x + way * (to_x - x) - 0.5, rows + y + way * (to_y - y) - 0.5], axis=-1
            )
        )
    saddle = np.all(passed, axis=0)
    lines = []
    for first, second in combinations(range(4), 2):
        both = passed[first] & passed[second]
        # Where all four are passed, two lines cut two opposite corners off.
        both &= ~saddle | ((first, second) in ((0, 3), (1, 2)))
        lines.append(np.stack([points[first][both], points[second][both]], axis=1))
    return np.concatenate(lines)


def rectangle(box: Box) -> str:
    """A box as path of SVG."""
    x0, y0, x1, y1 = box
    return f"M{x0:.1f} {y0:.1f}H{x1:.1f}V{y1:.1f}H{x0:.1f}Z"


def seen_part(frame: Frame, size: tuple[int, int]) -> Box:
    """What of a photograph a frame holds; beyond it is mirrored skin."""
    x0, y0, x1, y1 = frame.box
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(size[0])), min(y1, float(size[1]))


def draw_frame(photograph: Image.Image, frame: Frame | None, size: tuple[int, int]) -> None:
    """Outline a frame on a copy of a photograph, whose own size it was found at."""
    if frame is None:
        return
    scale = photograph.width / size[0]
    corners: Sequence[float] = [scale * edge for edge in seen_part(frame, size)]
    corners = [*corners[:2], *(edge - 1 for edge in corners[2:])]  # the last pixel is inside
    for colour, width in _STROKES:
        ImageDraw.Draw(photograph).rectangle(corners, outline=colour, width=width)
