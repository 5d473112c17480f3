"""A page of text, tables and pictures as one HTML file that needs no other file."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 66rem; margin: 2rem auto;
  padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem }
img { max-width: 100%; height: auto } .wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; text-align: left; border: 0 }
tbody tr:nth-child(odd) { background: #f4f4f4 }
"""


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
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    blocks = [f"<h1>{escape(title)}</h1>\n<p>{escape(introduction)}</p>"]
    blocks += [_section(section) for section in sections]
    body = "\n".join(blocks)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _section(section: Section) -> str:
    lines = [f"<h2>{escape(section.title)}</h2>\n<p>{escape(section.text)}</p>"]
    if section.picture:
        kind = _TYPES[section.picture.suffix]
        data = b64encode(section.picture.read_bytes()).decode()
        lines.append(f'<img alt="{escape(section.alt)}" src="data:{kind};base64,{data}">')
    if section.table is not None:
        html = section.table.to_html(index=False, border=0, na_rep="", justify="left")
        lines.append(f'<div class="wide">{html}</div>')
    return "\n".join(lines)
