"""Charts as shapes; ``templates/chart.html`` writes them in the colour of the page's text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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


_WIDTH, _HEIGHT = 440, 280
_LEFT, _TOP = 46, 12
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - 12, _HEIGHT - _TOP - 64
_BAR_STEP = 24
_LETTER = 11  # width of a capital in the larger letters of a phone
_LONGEST_CODE = 80  # width of a class code beside a matrix


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
) -> Chart:
    """Draw series of points (x, y), named in a legend below.

    Values on the y axis are multiplied by ``y_unit``: by default to percent. ``mark`` draws an
    upright line at that x; ``diagonal`` one from corner to corner.
    """
    low, high = y_range

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_range[0]) / (x_range[1] - x_range[0])
        return _LEFT + _PLOT_WIDTH * right, _TOP + _PLOT_HEIGHT * (1 - (y - low) / (high - low))

    parts = _grid(place, x_range, y_range, y_unit)
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
    unit: str = " %",
    thousands: str = ",",
    label_width: int = 150,
) -> Chart:
    """Draw one horizontal bar per value; with ``signed``, to both sides of zero on an axis.

    ``most`` is the value of a full-length bar; ``marked`` names a bar to highlight. The values
    are also in the chart's name, for those who cannot see them.
    """
    room = _WIDTH - label_width - 76
    zero = label_width + (room / 2 if signed else 0)
    scale = (room / 2 if signed else room) / max(most, 1e-9)
    parts, said = [], []
    for number, (name, value) in enumerate(values.items()):
        top = 6 + number * _BAR_STEP
        length = min(abs(value), most) * scale
        left = zero if value >= 0 else zero - length
        colour = _MARKED if name == marked else _PROBABILITY
        if signed:
            colour = _RAISED if value >= 0 else _LOWERED
        sign = "+" if signed and round(value, decimals) else "z"  # none before zero
        number = f"{value:{sign},.{decimals}f}".replace("-", "−").replace(",", thousands)
        shown = f"{number}{unit}"
        said.append(f"{name} {shown}")
        parts += [
            _text(label_width - 8, top + 13, _cut(name, label_width), "end"),
            _rectangle(left, top, max(length, 0.5), 16, rx=2, fill=colour),
            _text(_WIDTH - 70, top + 13, shown, "start"),
        ]
    height = 8 + _BAR_STEP * len(values)
    if signed:
        parts += _signed_axis(zero, room / 2, height, most=most, unit=unit)
        height += 20
    return Chart(_WIDTH, height, f"{title}: {'; '.join(said)}", parts)


def _signed_axis(zero: float, half: float, height: float, *, most: float, unit: str) -> list[Shape]:
    """Lines and values at both ends and in the middle."""
    parts = []
    for share in (-1, 0, 1):
        x = zero + share * half
        shown = f"{share * most:+.0f}{unit}".replace("-", "−") if share else "0"
        parts.append(_path([(x, 2), (x, height - 2)], "thin" if share == 0 else "grid"))
        parts.append(_text(x, height + 13, shown, "middle"))
    return parts


def heat(counts: Sequence[Sequence[float]], names: Sequence[str], *, title: str) -> Chart:
    """Draw a confusion matrix: true classes in rows, predicted ones in columns, shaded by row."""
    names = [_cut(name, _LONGEST_CODE) for name in names]
    longest = _LETTER * max(map(len, names))
    cell, left, top = max(46, longest + 4), max(58, longest + 14), 40
    parts = []
    for row, line in enumerate(counts):
        total = sum(line) or 1
        parts.append(_text(left - 8, top + row * cell + 28, names[row], "end"))
        parts.append(_text(left + row * cell + cell / 2, top - 8, names[row], "middle"))
        for column, count in enumerate(line):
            share = count / total
            x, y = left + column * cell, top + row * cell
            look = {"fill": COLOURS[1], "fill-opacity": f"{share:.3f}"}
            edge = {"stroke": "currentColor", "stroke-opacity": 0.2}
            parts.append(_rectangle(x, y, cell - 2, cell - 2, **look, **edge))
            ink = "#ffffff" if share > 0.5 else "currentColor"
            shown = f"{count:g}" if count else ""  # empty cells let the others be seen
            parts.append(_text(x + cell / 2 - 1, y + 28, shown, "middle", fill=ink))
    side = len(names) * cell
    return Chart(left + side + 4, top + side + 4, title, parts)


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
) -> list[Shape]:
    parts = []
    for step in range(5):
        share = step / 4
        x = x_range[0] + share * (x_range[1] - x_range[0])
        y = y_range[0] + share * (y_range[1] - y_range[0])
        left, height = place(x_range[0], y)
        right, _ = place(x_range[1], y)
        parts.append(_path([(left, height), (right, height)], "grid"))
        parts.append(_text(left - 5, height + 4, f"{y_unit * y:.3g}", "end"))
        across, bottom = place(x, y_range[0])
        unit = 100 if x_range == (0.0, 1.0) else 1
        parts.append(_text(across, bottom + 17, f"{unit * x:.3g}", "middle"))
    return parts


def _legend(names: Sequence[str]) -> tuple[list[Shape], float]:
    """The series' names below the axis, in as many rows as they need, and where they end."""
    parts, x, y = [], _LEFT, _HEIGHT - 6
    for number, name in enumerate(names):
        width = 34 + _LETTER * len(name)
        if x > _LEFT and x + width > _WIDTH:
            x, y = _LEFT, y + 20
        kind = "line" if number < len(COLOURS) else "line dashed"
        parts.append(_path([(x, y - 4), (x + 16, y - 4)], kind, COLOURS[number % len(COLOURS)]))
        parts.append(_text(x + 21, y, name, "start"))
        x += width
    return parts, y + 6


def _cut(name: str, width: float) -> str:
    """As much of a name as has room; charts say whole names to those who cannot see them."""
    most = int(width / 7.6)
    return name if len(name) <= most else f"{name[: most - 1]}…"


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
