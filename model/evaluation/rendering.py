"""How figures and tables are written for readers: as plain text or Markdown."""

from collections.abc import Sequence

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
