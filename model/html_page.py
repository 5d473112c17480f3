"""Pages that people keep: one HTML file each, with its pictures inside."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem }
img { max-width: 100%; height: auto } .wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; text-align: left; border: 0 }
tbody tr:nth-child(odd) { background: #f4f4f4 }
"""


def html_page(title: str, blocks: Iterable[str]) -> str:
    """Write a page of blocks of HTML under its title."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join([f"<h1>{escape(title)}</h1>", *blocks])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def picture_html(file: Path, alt: str) -> str:
    """A PNG or JPEG file, inside the page itself."""
    data = b64encode(file.read_bytes()).decode()
    return f'<img alt="{escape(alt)}" src="data:{_TYPES[file.suffix]};base64,{data}">'
