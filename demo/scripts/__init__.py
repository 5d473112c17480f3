"""What the page does in the browser where Gradio does not: one script per concern."""

from pathlib import Path

_FOLDER = Path(__file__).parent
_NAMES = ("files.js", "fields.js", "answer.js")

HEAD = "".join(
    f"<script>(() => {{\n{(_FOLDER / name).read_text(encoding='utf-8')}}})();</script>"
    for name in _NAMES
)
"""For the page's head, each script in a scope of its own."""
