"""What the page does in the browser where Gradio does not: one script per concern."""

from pathlib import Path

_FOLDER = Path(__file__).parent
_IN_HEAD = ("files", "fields", "answer")


def script(name: str) -> str:
    """The text of one, to run where a component of HTML is loaded."""
    return (_FOLDER / f"{name}.js").read_text(encoding="utf-8")


HEAD = "".join(f"<script>(() => {{\n{script(name)}}})();</script>" for name in _IN_HEAD)
"""For the page's head, each script in a scope of its own."""
