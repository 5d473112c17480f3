"""The tab About: intended use, limits, privacy, licences, citation."""

from html import escape
from types import SimpleNamespace

from demo.style import styled_html


def add_about_tab(texts: SimpleNamespace) -> None:
    """Show each paragraph under its heading."""
    content = "".join(
        f"<h2>{escape(part['title'])}</h2><p>{escape(part['text'])}</p>"
        for part in texts.about.parts
    )
    styled_html(f'<div class="prose">{content}</div>', elem_id="about")
