"""The words of the page: one file a language, every text in it by name."""

import tomllib
from pathlib import Path
from types import SimpleNamespace


def load_texts(language: str = "en") -> SimpleNamespace:
    """Read a language's texts; ``texts.predict.button`` is entry ``button`` of ``[predict]``."""
    content = (Path(__file__).parent / f"{language}.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(content)
    return SimpleNamespace(**{name: SimpleNamespace(**texts) for name, texts in sections.items()})
