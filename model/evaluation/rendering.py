"""How figures and tables are written for readers: as plain text, Markdown or HTML."""

from collections.abc import Sequence
from html import escape

from model.evaluation.intervals import Interval

Cells = Sequence[object]


def with_ci(figure: Interval) -> str:
    """Write a figure as ``0.712 (0.689-0.733)``, or a dash where it is not known."""
    if figure["value"] is None:
        return "-"
    return "{value:.3f} ({low:.3f}-{high:.3f})".format(**figure)


def text_table(rows: Sequence[Cells]) -> list[str]:
    """One line per row, its columns aligned to the left."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    ]


def markdown_table(head: Cells, rows: Sequence[Cells]) -> list[str]:
    """The lines of a Markdown table; an asterisk in a cell stays one."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("*", r"\*") for cell in line] for line in lines]
    return [f"| {' | '.join(line)} |" for line in cells]


def html_table(head: Cells, rows: Sequence[Cells]) -> str:
    """A table that scrolls sideways where it is too wide."""
    cells = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    content = f"<thead><tr>{cells}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="wide"><table>{content}</table></div>'
