"""Reports as a single HTML file, with the pictures inside.

What goes into the template is escaped.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Table:
    """Rows of cells of any kind under a row of headings."""

    head: Sequence[object]
    rows: Sequence[Sequence[object]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Table":
        """The table of a data frame, what is missing left empty."""
        return cls(list(frame), frame.astype(object).where(frame.notna(), "").to_numpy().tolist())


@dataclass(frozen=True)
class Section:
    """One part of a page: paragraphs, a PNG or JPEG file and tables, in this order."""

    title: str = ""
    texts: Sequence[str] = ()
    picture: Path | None = None
    alt: str = ""  # what the picture shows, if not what the title says
    tables: Sequence[Table] = ()


def html_page(title: str, sections: Sequence[Section]) -> str:
    """Write a page of sections under its title."""
    return _environment().get_template("page.html").render(title=title, sections=sections)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    return environment


def _data_uri(file: Path) -> str:
    data = b64encode(file.read_bytes()).decode()
    return f"data:{_TYPES[file.suffix]};base64,{data}"
