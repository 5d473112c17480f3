"""Small pieces of HTML that several tabs use."""

import base64
from html import escape
from io import BytesIO

from PIL import Image


def table(head: list[str], rows: list[list[str]], *, caption: str, kind: str = "plain") -> str:
    """A table of texts; the first cell of a row names it. The head may be empty."""
    cells = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    top = f"<thead><tr>{cells}</tr></thead>" if head else ""
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="{kind}"><caption>{escape(caption)}</caption>'
        f"{top}<tbody>{body}</tbody></table></div>"
    )


def picture(image: Image.Image, text: str) -> str:
    """An image inside the page itself, so that the server keeps no file of it."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return f'<img src="{data_uri(buffer.getvalue(), "image/jpeg")}" alt="{escape(text)}">'


def download(content: bytes, kind: str, *, name: str, label: str) -> str:
    """A link that saves content that is inside the page itself."""
    return (
        f'<a class="save-link" download="{escape(name)}" href="{data_uri(content, kind)}">'
        f"{escape(label)}</a>"
    )


def data_uri(content: bytes, kind: str) -> str:
    """Content as an address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
