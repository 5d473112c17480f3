"""Charts as SVG: text and axes in the colour of the page's text, so that they suit dark pages."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

COLOURS = ("#d55e00", "#0072b2", "#8a8a8a", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#b8a800")
"""Of series, after Okabe and Ito; told apart with any colour vision. The next ones are dashed."""

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 520, 280
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
) -> str:
    """Draw series of points (x, y), named in a legend below.

    The axis of y counts in parts of 1 / ``y_unit``: by default per cent. ``mark`` draws an upright
    line at that x; ``diagonal`` one from corner to corner.
    """
    low, high = y_range

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_range[0]) / (x_range[1] - x_range[0])
        return _LEFT + _PLOT_WIDTH * right, _TOP + _PLOT_HEIGHT * (1 - (y - low) / (high - low))

    parts = [_grid(place, x_range, y_range, y_unit)]
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
    parts += [legend, _axis_names(x_label, y_label)]
    return _svg(_WIDTH, height, title, "".join(parts))


def bars(
    values: Mapping[str, float],
    *,
    title: str,
    most: float,
    marked: str | None = None,
    signed: bool = False,
    decimals: int = 1,
    unit: str = " %",
    label_width: int = 150,
) -> str:
    """Draw one horizontal bar a value; with ``signed``, to both sides of a line in the middle.

    ``most`` is the value of a bar of full length; ``marked`` names a bar to stand out. The values
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
        colour = COLOURS[0] if name == marked or (signed and value >= 0) else COLOURS[1]
        sign = "+" if signed and round(value, decimals) else "z"  # none before zero
        shown = f"{value:{sign},.{decimals}f}{unit}".replace("-", "−")
        said.append(f"{name} {shown}")
        parts += [
            _text(label_width - 8, top + 13, _cut(name, label_width), "end"),
            f'<rect x="{left:.1f}" y="{top}" width="{max(length, 0.5):.1f}" height="16" rx="2" '
            f'fill="{colour}"/>',
            _text(_WIDTH - 70, top + 13, shown, "start"),
        ]
    height = 8 + _BAR_STEP * len(values)
    if signed:
        parts.append(_path([(zero, 2), (zero, height - 2)], "thin"))
    return _svg(_WIDTH, height, f"{title}: {'; '.join(said)}", "".join(parts))


def heat(counts: Sequence[Sequence[float]], names: Sequence[str], *, title: str) -> str:
    """Draw a square matrix: rows the truth, columns the answer, shaded by share of the row."""
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
            ink = "#ffffff" if share > 0.5 else "currentColor"
            shown = f"{count:g}" if count else ""  # empty cells let the others be seen
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" '
                f'fill="{COLOURS[1]}" fill-opacity="{share:.3f}" stroke="currentColor" '
                f'stroke-opacity="0.2"/><text x="{x + cell / 2 - 1}" y="{y + 28}" '
                f'text-anchor="middle" fill="{ink}">{shown}</text>'
            )
    side = len(names) * cell
    return _svg(left + side + 4, top + side + 4, title, "".join(parts))


def people(groups: Mapping[str, tuple[int, str]], *, title: str, columns: int = 50) -> str:
    """Draw one dot a person: name → (how many, colour)."""
    step = 10
    colours = [colour for count, colour in groups.values() for _ in range(count)]
    dots = "".join(
        f'<circle cx="{5 + n % columns * step}" cy="{5 + n // columns * step}" r="4" '
        f'fill="{colour}"/>'
        for n, colour in enumerate(colours)
    )
    height = step * -(-len(colours) // columns) + 2
    return _svg(columns * step, height, title, dots)


def _grid(
    place: Callable[[float, float], tuple[float, float]],
    x_range: tuple,
    y_range: tuple,
    y_unit: float,
) -> str:
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
    return "".join(parts)


def _legend(names: Sequence[str]) -> tuple[str, float]:
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
    return "".join(parts), y + 6


def _cut(name: str, width: float) -> str:
    """As much of a name as has room; charts say whole names to those who cannot see them."""
    most = int(width / 7.6)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _axis_names(x_label: str, y_label: str) -> str:
    below = _text(_LEFT + _PLOT_WIDTH / 2, _TOP + _PLOT_HEIGHT + 37, x_label, "middle")
    return (
        f'{below}<text transform="translate(11 {_TOP + _PLOT_HEIGHT / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_label)}</text>'
    )


def _path(points: Sequence[tuple[float, float]], kind: str, colour: str = "currentColor") -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{way}" fill="none" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: float, height: float, title: str, content: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'style="max-width:{width:g}px" aria-label="{escape(title)}">{content}</svg>'
    )
