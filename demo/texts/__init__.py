"""The page's texts: one file per language, read into one typed object."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

from demo.texts.sections import Texts

_FOLDER = Path(__file__).parent

ENGLISH = "en"
"""The language of the bundle's facts and of what another one lacks; its page is at the root."""

LANGUAGES = (ENGLISH, *sorted({file.stem for file in _FOLDER.glob("*.toml")} - {ENGLISH}))
"""Codes of all languages that have a file."""


@cache
def load_texts(language: str = ENGLISH, *, folder: Path = _FOLDER) -> Texts:
    """Read a language's texts; ``texts.inputs.predict`` is entry ``predict`` of ``[inputs]``.

    Raises:
        ValueError: entries are missing, unknown or no text. The message names all of them.
    """
    file = folder / f"{language}.toml"
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    if problems := list(_problems(Texts, content)):
        raise ValueError(f"{file.name} does not fit demo/texts/sections.py: {'; '.join(problems)}.")
    return _build(Texts, content)


def _problems(kind: object, content: object, place: str = "") -> Iterator[str]:
    """What keeps content from being of a kind."""
    if is_dataclass(kind) and isinstance(content, Mapping):
        hints = _hints(kind)
        yield from (f"add {place}{name}" for name in hints if name not in content)
        yield from (f"remove {place}{name}" for name in content if name not in hints)
        for name in hints.keys() & content.keys():
            yield from _problems(hints[name], content[name], f"{place}{name}.")
    elif get_origin(kind) is Mapping and isinstance(content, Mapping):
        for name, value in content.items():
            yield from _problems(str, value, f"{place}{name}.")
    elif get_origin(kind) is tuple and isinstance(content, list):
        for number, value in enumerate(content):
            yield from _problems(get_args(kind)[0], value, f"{place}{number}.")
    elif kind not in (str, bool) or type(content) is not kind:
        yield f"{place.rstrip('.')} is of another kind"


def _build(kind: object, content: object) -> object:
    if is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hint, content[name]) for name, hint in hints.items()})
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], value) for value in content)
    return content


_hints = cache(get_type_hints)
