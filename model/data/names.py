"""Names of images: one normalisation and one way of matching, for every table and folder.

A table may name ``x.jpg``, ``images/x`` or ``x `` where the file is called ``x.JPG``.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from isic_api.vocabulary import archive_id

_SUFFIX = re.compile(
    r"\.(jpe?g|jpe|jfif|png|webp|bmp|tiff?|heic|heif|avif|gif|dcm|dng|cr2|cr3|nef|arw)$", re.I
)


def image_name(text: str) -> str:
    """A name without blanks around it and without an image's suffix; folders stay, with ``/``."""
    name = unicodedata.normalize("NFC", text).strip().replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    while (shorter := _SUFFIX.sub("", name).rstrip()) != name:
        name = shorter
    return name


def image_names(texts: Sequence[str]) -> list[str]:
    """:func:`image_name` of each, without folders where the names differ without them."""
    if _are_plain(texts):
        return list(texts)
    names = [image_name(text) for text in texts]
    bare = [_bare(name) for name in names]
    return bare if len(set(bare)) == len(set(names)) else names


def match_names(wanted: Sequence[str], given: Sequence[str]) -> list[int]:
    """For each wanted name the position of the given one that means the same image, else -1.

    The same name comes first, then one that differs by a folder that only one of them states, then
    the challenge's reduced copy (``_downsampled``) or its original. What could be two is none.
    """
    if not _are_plain(wanted):
        wanted = [image_name(name) for name in wanted]
    if not _are_plain(given):
        given = [image_name(name) for name in given]
    times = Counter(given)
    row_of = {name: row for row, name in enumerate(given)}
    found = [row_of[name] if times[name] == 1 else -1 for name in wanted]
    every = " ".join((*wanted, *given)) if -1 in found else ""
    if "/" in every:
        found = _matched(wanted, given, _bare, found)
    if "/" in every or "_downsampled" in every:
        found = _matched(wanted, given, lambda name: archive_id(_bare(name)), found)
    return found


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether nothing in names can need another spelling; much faster than a look at each."""
    together = "".join(texts)
    return together.isascii() and not any(mark in together for mark in "./\\ \t\r\n\v\f")


def _matched(
    wanted: list[str], given: list[str], key: Callable[[str], str], found: list[int]
) -> list[int]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(given):
        rows.setdefault(key(name), []).append(row)
    times = Counter(map(_bare, wanted))
    result = []
    for name, row in zip(wanted, found, strict=True):
        candidates = rows.get(key(name), []) if row < 0 else [row]
        if row < 0 and len(candidates) == 1 and name != given[candidates[0]]:
            other = given[candidates[0]]
            in_two_folders = "/" in name and "/" in other and _folder(name) != _folder(other)
            if in_two_folders or ("/" in name and times[_bare(name)] > 1):
                candidates = []
        result.append(candidates[0] if len(candidates) == 1 else -1)
    return result


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
