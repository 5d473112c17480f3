"""The page of ``explore``: sections of text, a picture and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from model.html_page import html_page, picture_html


@dataclass(frozen=True)
class Section:
    """One part of the page. ``picture`` is a PNG or JPEG file, described by ``alt``."""

    title: str
    text: str
    picture: Path | None = None
    alt: str = ""
    table: pd.DataFrame | None = None


def page(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """Write the page, with the pictures inside."""
    return html_page(title, [f"<p>{escape(introduction)}</p>", *map(_section, sections)])


def _section(section: Section) -> str:
    lines = [f"<h2>{escape(section.title)}</h2>\n<p>{escape(section.text)}</p>"]
    if section.picture:
        lines.append(picture_html(section.picture, section.alt))
    if section.table is not None:
        html = section.table.to_html(index=False, border=0, na_rep="", justify="left")
        lines.append(f'<div class="wide">{html}</div>')
    return "\n".join(lines)
