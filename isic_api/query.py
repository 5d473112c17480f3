"""The Archive's search language: check a query before it is sent, or build one that holds.

    query   := all ("OR" all)*                 AND binds tighter than OR; upper case only
    all     := group ("AND" group)*
    group   := term+ | "(" query ")"           terms side by side are ANDed
    term    := ["-"] FIELD ":" value           -FIELD:value includes images without the field
    value   := word | "quoted text" | number | [20 TO 40] | {20 TO *] | true | false | *

:func:`check` agrees with the server's recorded verdicts. The builder quotes every text::

    str(equals("sex", "male") & between("age_approx", 20, 40))

A ``*`` at the start or the end of a text is a wildcard, anywhere else a literal. Nothing can
be escaped, so a text with a double quote cannot be searched for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from isic_api.errors import QueryError

TEXT_FIELDS = frozenset(
    (
        *("isic_id", "lesion_id", "patient_id", "rcm_case_id", "copyright_license"),
        *("sex", "fitzpatrick_skin_type", "mel_mitotic_index", "color_tint"),
        *(f"diagnosis_{level}" for level in range(1, 6)),
        *("diagnosis_confirm_type", "anatom_site_special"),
        *(f"anatom_site_{level}" for level in range(1, 6)),
        *("image_type", "image_manipulation", "dermoscopic_type", "tbp_tile_type"),
    )
)
NUMBER_FIELDS = frozenset(("age_approx", "clin_size_long_diam_mm", "mel_thick_mm"))
BOOL_FIELDS = frozenset(
    ("public", "personal_hx_mm", "family_hx_mm", "melanocytic", "mel_ulcer", "concomitant_biopsy")
)
FIELDS = TEXT_FIELDS | NUMBER_FIELDS | BOOL_FIELDS

_MOVED = {
    "diagnosis": "use diagnosis_1 to diagnosis_5, e.g. diagnosis_3:Nevus",
    "anatom_site_general": "use anatom_site_1 to anatom_site_5 and anatom_site_special",
    "collections": "collections are named apart from the query, e.g. --collection 65",
}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"[^"\\]*")
      | (?P<range>[\[{]\s*(?:\d+(?:\.\d+)?|\*)\s+TO\s+(?:\d+(?:\.\d+)?|\*)\s*[\]}])
      | (?P<number>\d+\.\d+)(?![\w*-])
      | (?P<word>[A-Za-z0-9*_-]+)
      | (?P<sign>[():])
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"\d+(\.\d+)?|\*")
_LEADING_WILDCARD = re.compile(r':"\*[^"]')


def check(query: str) -> None:
    """Raise :class:`QueryError` for what the server would answer with 400. Empty means all."""
    if query.strip():
        _Parser(query).parse()


class _Parser:
    """Recursive descent over the tokens; one method a rule of the grammar above."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens = list(self._split())
        self.at = 0

    def _split(self) -> Iterator[tuple[str, str]]:
        position, end = 0, len(self.query.rstrip())
        while position < end:
            match = _TOKEN.match(self.query, position)
            if match is None:
                self.refuse(f"{self.query[position:].strip()!r} cannot be read")
            yield match.lastgroup or "", match[match.lastgroup or 0]
            position = match.end()

    def refuse(self, why: str) -> None:
        raise QueryError(
            f"The Archive cannot read the query {self.query!r}: {why}. Write FIELD:value, quote "
            "texts with spaces or commas, join with AND or OR; e.g. sex:male AND age_approx:50"
        )

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            self.refuse("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def parse(self) -> None:
        self.any_of()
        if self.peek():
            self.refuse(f"{self.peek()!r} is out of place")

    def any_of(self) -> None:
        self.all_of()
        while self.peek() == "OR":
            self.take()
            self.all_of()

    def all_of(self) -> None:
        self.group()
        while self.peek() == "AND":
            self.take()
            self.group()

    def group(self) -> None:
        if self.peek() == "(":
            self.take()
            self.any_of()
            if self.take()[1] != ")":
                self.refuse("a parenthesis is not closed")
            return
        self.term()
        while self.peek() not in ("", "AND", "OR", "(", ")"):
            self.term()

    def term(self) -> None:
        kind, name = self.take()
        if kind == "word" and name == "-" and self.peek() not in ("", "(", ")", ":"):
            kind, name = self.take()
        if kind != "word":
            self.refuse(f"a field name is expected where {name!r} stands")
        field = name.removeprefix("-")
        if self.peek() != ":":
            self.refuse(f"{name!r} is not of the form FIELD:value")
        if field not in FIELDS:
            self.refuse(_unknown_field(field))
        self.take()
        self.value(field)

    def value(self, field: str) -> None:
        kind, value = self.take()
        if field in TEXT_FIELDS and kind not in ("word", "quoted", "number"):
            self.refuse(f"{field} takes a text, not {value!r}")
        if field in BOOL_FIELDS and value not in ("true", "false", "*"):
            self.refuse(f"{field} takes true, false or *, not {value!r}")
        if field in NUMBER_FIELDS and kind != "range" and not _NUMBER.fullmatch(value):
            self.refuse(f"{field} takes a number or a range like [20 TO 40], not {value!r}")


def _unknown_field(field: str) -> str:
    near = get_close_matches(field, FIELDS, n=1)
    hint = _MOVED.get(field) or (f"did you mean {near[0]}?" if near else "no such field")
    return f"{field!r} cannot be searched ({hint})"


@dataclass(frozen=True)
class Query:
    """A query that holds; combine with ``&``, ``|`` and, for a single term, ``~``."""

    text: str
    binding: int = 3  # 3 a term, 2 joined by AND, 1 joined by OR

    def __str__(self) -> str:
        return self.text

    def __and__(self, other: "Query") -> "Query":
        return Query(f"{self._inside(2)} AND {other._inside(2)}", 2)

    def __or__(self, other: "Query") -> "Query":
        return Query(f"{self._inside(1)} OR {other._inside(1)}", 1)

    def __invert__(self) -> "Query":
        """All other images, those without the field included."""
        if self.binding < 3:
            raise QueryError(
                f"Only a single term can be negated, not {self.text!r}: negate its terms."
            )
        if _LEADING_WILDCARD.search(self.text):
            raise QueryError(
                f"The server negates {self.text!r} wrongly (a leading wildcard); list the values."
            )
        return Query(self.text[1:] if self.text.startswith("-") else f"-{self.text}")

    def _inside(self, binding: int) -> str:
        return f"({self.text})" if self.binding < binding else self.text


def equals(field: str, value: str | float | bool) -> Query:
    """``field`` is ``value``; a text may start or end with ``*``."""
    if isinstance(value, bool):
        return _term(field, str(value).lower())
    if not isinstance(value, str):
        return _term(field, str(value))
    if '"' in value or "\\" in value:
        raise QueryError(
            f"{value!r} cannot be searched for: the search language has no way to write a double "
            "quote or a backslash. Leave the sign out and end the text with *."
        )
    return _term(field, f'"{value}"')


def between(field: str, low: float | None, high: float | None, *, open_low: bool = False) -> Query:
    """``low <= field <= high`` (``low < field`` if ``open_low``); None is no limit."""
    left, right = ("*" if limit is None else limit for limit in (low, high))
    return _term(field, f"{'{' if open_low else '['}{left} TO {right}]")


def known(field: str) -> Query:
    """Images that have the field; ``~known(field)`` those that lack it."""
    return _term(field, "*")


def any_of(field: str, values: list[str]) -> Query:
    """``field`` is one of ``values``."""
    if not values:
        raise QueryError(f"any_of({field!r}, ...) needs at least one value.")
    first, *rest = (equals(field, value) for value in values)
    for term in rest:
        first = first | term
    return first


def _term(field: str, value: str) -> Query:
    if field not in FIELDS:
        raise QueryError(f"{_unknown_field(field)}. Fields: {', '.join(sorted(FIELDS))}.")
    check(f"{field}:{value}")
    return Query(f"{field}:{value}")
