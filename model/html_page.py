"""Pages that people keep, each one HTML file with its pictures inside.

The HTML is in ``model/templates``, whose values Jinja2 escapes.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Table:
    """A table with a row of column names above the others."""

    head: Sequence[object]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """One part of a page. ``picture`` is a PNG or JPEG file, described by ``alt``."""

    title: str = ""
    texts: Sequence[str] = ()  # a paragraph each
    tables: Sequence[Table] = ()
    picture: Path | None = None
    alt: str = ""


def html_page(title: str, sections: Iterable[Section]) -> str:
    """Write the sections under the page's title, in their order."""
    return _ENVIRONMENT.get_template("page.html").render(title=title, sections=sections)


def _picture_uri(file: Path) -> str:
    return f"data:{_TYPES[file.suffix]};base64,{b64encode(file.read_bytes()).decode()}"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["picture_uri"] = _picture_uri
