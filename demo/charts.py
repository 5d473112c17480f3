"""Charts as shapes; ``templates/chart.html`` writes them in the colour of the page's text."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from demo.formatting import ENGLISH, Numbers

COLOURS = ("#d55e00", "#0072b2", "#8a8a8a", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#b8a800")
"""Of series, after Okabe and Ito; told apart with any colour vision. The next ones are dashed."""
_MARKED, _RAISED, _LOWERED = COLOURS[:3]
_PROBABILITY = "#0d9488"  # as in the table of probabilities

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Shape:
    """An element of SVG."""

    tag: str
    attributes: dict[str, str | float]
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """Shapes in a frame of so many units, with a name for those who cannot see them."""

    width: float
    height: float
    title: str
    shapes: list[Shape] = field(default_factory=list)
    least: float = 0  # pixels of its width; below them it is moved sideways


_WIDTH, _HEIGHT = 440, 280
_LEFT, _TOP = 46, 12
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - 12, _HEIGHT - _TOP - 64
_BAR_STEP = 24
_LETTER = 9.5  # width of a letter in the larger ones of a phone
_LINE = 17  # from one line of a label to the next
_CELL = 46  # of a matrix
_SHADE = 18  # of the scale below it
_READABLE = 0.71  # pixels of a unit at which the larger letters of a phone are of 12 pixels


def lines(
    series: Mapping[str, Points],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] = (0.0, 1.0),
    y_range: tuple[float, float] = (0.0, 1.0),
    y_unit: float = 100,
    mark: float | None = None,
    diagonal: bool = False,
    numbers: Numbers = ENGLISH,
) -> Chart:
    """Draw series of points (x, y), named in a legend below.

    Values on the y axis are multiplied by ``y_unit``: by default to percent. ``mark`` draws an
    upright line at that x; ``diagonal`` one from corner to corner.
    """
    low, high = y_range

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_range[0]) / (x_range[1] - x_range[0])
        return _LEFT + _PLOT_WIDTH * right, _TOP + _PLOT_HEIGHT * (1 - (y - low) / (high - low))

    parts = _grid(place, x_range, y_range, y_unit, numbers)
    if diagonal:
        parts.append(_path([place(x_range[0], low), place(x_range[1], high)], "thin"))
    if mark is not None:
        parts.append(_path([place(mark, low), place(mark, high)], "mark"))
    for number, points in enumerate(series.values()):
        # A line of no length, whose round end is a dot, where there is one point only.
        places = [place(x, y) for x, y in points] * (2 if len(points) == 1 else 1)
        kind = "line" if number < len(COLOURS) else "line dashed"
        parts.append(_path(places, kind, COLOURS[number % len(COLOURS)]))
    legend, height = _legend(list(series))
    return Chart(_WIDTH, height, title, [*parts, *legend, *_axis_names(x_label, y_label)])


def bars(
    values: Mapping[str, float],
    *,
    title: str,
    most: float,
    marked: str | None = None,
    signed: bool = False,
    decimals: int = 1,
    unit: str | None = None,
    label_width: int = 150,
    numbers: Numbers = ENGLISH,
) -> Chart:
    """Draw one horizontal bar per value; with ``signed``, to both sides of zero on an axis.

    ``most`` is the value of a full-length bar; ``marked`` names a bar to highlight. The values
    are also in the chart's name, for those who cannot see them.
    """
    unit = numbers.percent_sign if unit is None else unit
    write = numbers.signed if signed else numbers.plain
    shown = {name: f"{write(value, decimals=decimals)}{unit}" for name, value in values.items()}
    labels = {name: _lines_of(name, label_width) for name in values}
    longest = max((_room(line) for lines in labels.values() for line in lines), default=0)
    label_width = max(label_width, longest + 12)
    value_left = _WIDTH - max(map(_room, shown.values()), default=0)
    room = value_left - label_width - 6
    zero = label_width + (room / 2 if signed else 0)
    scale = (room / 2 if signed else room) / max(most, 1e-9)
    parts, top = [], 6.0
    for name, value in values.items():
        length = min(abs(value), most) * scale
        left = zero if value >= 0 else zero - length
        colour = _MARKED if name == marked else _PROBABILITY
        if signed:
            colour = _RAISED if value >= 0 else _LOWERED
        step = max(_BAR_STEP, _LINE * len(labels[name]) + 6)
        middle = top + (step - 8) / 2
        for number, line in enumerate(labels[name]):
            below = middle + 5 + _LINE * (number - (len(labels[name]) - 1) / 2)
            parts.append(_text(label_width - 8, below, line, "end"))
        parts += [
            _rectangle(left, middle - 8, max(length, 0.5), 16, rx=2, fill=colour),
            _text(value_left, middle + 5, shown[name], "start"),
        ]
        top += step
    height = top + 2
    if signed:
        parts += _signed_axis(zero, room / 2, height, most=most, unit=unit)
        height += 20
    values = "; ".join(f"{name} {value}" for name, value in shown.items())
    return Chart(_WIDTH, height, f"{title}: {values}", parts)


def _signed_axis(zero: float, half: float, height: float, *, most: float, unit: str) -> list[Shape]:
    """Lines and values at both ends and in the middle."""
    parts = []
    for share in (-1, 0, 1):
        x = zero + share * half
        shown = f"{ENGLISH.write(share * most, '+.0f')}{unit}" if share else "0"
        parts.append(_path([(x, 2), (x, height - 2)], "thin" if share == 0 else "grid"))
        parts.append(_text(x, height + 13, shown, "middle"))
    return parts


def heat(
    counts: Sequence[Sequence[float]],
    names: Sequence[str],
    *,
    title: str,
    scale: str,
    numbers: Numbers = ENGLISH,
) -> Chart:
    """Draw a confusion matrix: true classes in rows, predicted ones in columns, shaded by row.

    ``scale`` says what the shades mean, below; they run from 0 to 100 per cent of a row.
    """
    longest = max(map(_room, names))
    turned = longest > _CELL
    left, top = max(58, longest + 14), longest + 12 if turned else 40
    parts = []
    for row, line in enumerate(counts):
        total = sum(line) or 1
        parts.append(_text(left - 8, top + row * _CELL + 28, names[row], "end"))
        parts.append(_column_name(names[row], left + (row + 0.5) * _CELL, top - 8, turned=turned))
        for column, count in enumerate(line):
            share = count / total
            x, y = left + column * _CELL, top + row * _CELL
            parts.append(_shade(x, y, _CELL - 2, share))
            shown = numbers.write(count, "g") if count else ""  # empty cells let the others be seen
            # Over the deepest blue alone white is easier to read.
            ink = "#ffffff" if share > 0.9 else "currentColor"
            parts.append(_text(x + _CELL / 2 - 1, y + 28, shown, "middle", fill=ink))
    bottom = top + len(names) * _CELL + 10
    width = max(left + len(names) * _CELL, 11 * _SHADE + 16, _room(scale) + 8)
    parts += _scale(width, bottom, scale, numbers)
    return Chart(width + 4, bottom + 64, title, parts, least=_READABLE * (width + 4))


def _column_name(name: str, x: float, y: float, *, turned: bool) -> Shape:
    if not turned:
        return _text(x, y, name, "middle")
    return Shape("text", {"transform": f"translate({x + 4:.1f} {y:.1f}) rotate(-90)"}, name)


def _shade(x: float, y: float, side: float, share: float) -> Shape:
    look = {"fill": COLOURS[1], "fill-opacity": f"{share:.3f}"}
    return _rectangle(x, y, side, side, **look, stroke="currentColor", **{"stroke-opacity": 0.2})


def _scale(width: float, top: float, label: str, numbers: Numbers) -> list[Shape]:
    """The shades from 0 to 100 per cent, with what they mean."""
    left = width - 11 * _SHADE - 8
    shades = [_shade(left + n * _SHADE, top, _SHADE - 1, n / 10) for n in range(11)]
    below = top + _SHADE + 16
    ends = [
        _text(left, below, f"0{numbers.percent_sign}", "start"),
        _text(width, below, f"100{numbers.percent_sign}", "end"),
    ]
    return [*shades, *ends, _text(width, top + _SHADE + 36, label, "end")]


def people(groups: Mapping[str, tuple[int, str]], *, title: str, columns: int = 50) -> Chart:
    """Draw one dot per person: name → (how many, colour)."""
    step = 10
    colours = [colour for count, colour in groups.values() for _ in range(count)]
    dots = [
        Shape(
            "circle",
            {"cx": 5 + n % columns * step, "cy": 5 + n // columns * step, "r": 4, "fill": colour},
        )
        for n, colour in enumerate(colours)
    ]
    return Chart(columns * step, step * -(-len(colours) // columns) + 2, title, dots)


def _grid(
    place: Callable[[float, float], tuple[float, float]],
    x_range: tuple,
    y_range: tuple,
    y_unit: float,
    numbers: Numbers,
) -> list[Shape]:
    parts = []
    for step in range(5):
        share = step / 4
        x = x_range[0] + share * (x_range[1] - x_range[0])
        y = y_range[0] + share * (y_range[1] - y_range[0])
        left, height = place(x_range[0], y)
        right, _ = place(x_range[1], y)
        parts.append(_path([(left, height), (right, height)], "grid"))
        parts.append(_text(left - 5, height + 4, numbers.write(y_unit * y, ".3g"), "end"))
        across, bottom = place(x, y_range[0])
        unit = 100 if x_range == (0.0, 1.0) else 1
        parts.append(_text(across, bottom + 17, numbers.write(unit * x, ".3g"), "middle"))
    return parts


def _legend(names: Sequence[str]) -> tuple[list[Shape], float]:
    """The series' names below the axis, in as many rows as they need, and where they end."""
    parts, x, y = [], _LEFT, _HEIGHT - 6
    for number, name in enumerate(names):
        width = 34 + _room(name)
        if x > _LEFT and x + width > _WIDTH:
            x, y = _LEFT, y + 20
        kind = "line" if number < len(COLOURS) else "line dashed"
        parts.append(_path([(x, y - 4), (x + 16, y - 4)], kind, COLOURS[number % len(COLOURS)]))
        parts.append(_text(x + 21, y, name, "start"))
        x += width
    return parts, y + 6


def _room(text: str) -> float:
    """Units that a text may take in the larger letters of a phone."""
    return _LETTER * len(text)


def _lines_of(name: str, width: float) -> list[str]:
    """A name in lines that fit a width; a longer word has a line of its own."""
    lines = [""]
    for word in re.findall(r"[^\s/]+/?|/", name):
        joined = word if lines[-1].endswith("/") or not lines[-1] else f" {word}"
        if lines[-1] and _room(lines[-1] + joined) + 12 > width:
            lines.append(word)
        else:
            lines[-1] += joined
    return lines


def _axis_names(x_label: str, y_label: str) -> list[Shape]:
    turned = f"translate(11 {_TOP + _PLOT_HEIGHT / 2}) rotate(-90)"
    return [
        _text(_LEFT + _PLOT_WIDTH / 2, _TOP + _PLOT_HEIGHT + 37, x_label, "middle"),
        Shape("text", {"transform": turned, "text-anchor": "middle"}, y_label),
    ]


def _path(points: Sequence[tuple[float, float]], kind: str, colour: str = "currentColor") -> Shape:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Shape("polyline", {"class": kind, "points": way, "fill": "none", "stroke": colour})


def _rectangle(x: float, y: float, width: float, height: float, **others: str | float) -> Shape:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return Shape("rect", place | others)


def _text(x: float, y: float, text: str, anchor: str, **others: str) -> Shape:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    return Shape("text", place | others, text)
