"""The Archive's search language: check a query before it is sent.

    query   := all ("OR" all)*                 AND binds tighter than OR; upper case only
    all     := group ("AND" group)*
    group   := term+ | "(" query ")"           terms side by side are ANDed
    term    := ["-"] FIELD ":" value           -FIELD:value includes images without the field
    value   := word | "quoted text" | number | [20 TO 40] | {20 TO *] | true | false | *

A ``*`` at the start or the end of a text is a wildcard, anywhere else a literal. Nothing can
be escaped, so a text with a double quote cannot be searched for.

:func:`check` agrees with the server's recorded verdicts, but also rejects queries that the server
accepts and silently answers wrongly.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import NoReturn

from isic_api.errors import QueryError
from isic_api.vocabulary import SITE_COLUMN

TEXT_FIELDS = frozenset(
    (
        *("isic_id", "lesion_id", "patient_id", "rcm_case_id", "copyright_license"),
        *("sex", "fitzpatrick_skin_type", "mel_mitotic_index"),
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
    SITE_COLUMN: "use anatom_site_1 to anatom_site_5 and anatom_site_special",
    "collections": "collections are named apart from the query, e.g. --collection 65",
}
IDS_PER_QUERY = 100  # the server accepts a request line of 8 KB
_TERMS_PER_QUERY = 150  # in a request body, whose token must fit into such a line
_SUPERSET = 1000  # images that a prefix may stand for, however few are needed
_DEEPEST = 20  # parentheses; the server fails below a depth of 30

_SPACE = re.compile(r"[ \t\n\r]*")  # the server knows no other whitespace
_WORD_START, _WORD_END = r"(?<![A-Za-z0-9_$])", r"(?![A-Za-z0-9_$])"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LIMIT = rf"[ \t\n\r]*(?:{_NUMBER}|\*)[ \t\n\r]*"
_NAME = re.compile(rf"{_WORD_START}[A-Za-z0-9_$]+")
_OR = re.compile(f"{_WORD_START}OR{_WORD_END}")
_AND = re.compile(f"{_WORD_START}AND{_WORD_END}")
_MINUS, _OPEN, _CLOSE, _COLON = map(re.compile, ("-", r"\(", r"\)", ":"))
_TEXT_VALUE = re.compile(r'[A-Za-z0-9*_-]+|"[^"\n\r]*"')
_NUMBER_VALUE = re.compile(rf"[\[{{]{_LIMIT}TO{_LIMIT}[\]}}]|{_NUMBER}|\*")
_BOOL_VALUE = re.compile(rf"(?:true|false){_WORD_END}|\*")


def check(query: str) -> None:
    """Raise :class:`QueryError` for a query that the server rejects or misunderstands."""
    if query.strip():
        _Parser(query).parse()


def ids_query(ids: Iterable[str]) -> str:
    """A query that matches exactly these ids; a final ``*`` makes a prefix."""
    return " OR ".join(f"isic_id:{isic_id}" for isic_id in ids)


def id_queries(ids: Iterable[str]) -> Iterator[str]:
    """Queries that together match ``ids``, each short enough for the server."""
    return (ids_query(chunk) for chunk in in_chunks(tuple(ids)))


def covering_queries(ids: Collection[str]) -> Iterator[str]:
    """Few queries that match all ``ids``, and others as well, by prefixes of ids."""
    terms: list[str] = sorted(ids)
    digits = 1
    while len(terms) > _TERMS_PER_QUERY and 10**digits <= max(_SUPERSET, len(ids)):
        terms = sorted({f"{isic_id[:-digits]}*" for isic_id in ids})
        digits += 1
    return (ids_query(chunk) for chunk in in_chunks(tuple(terms), _TERMS_PER_QUERY))


def in_chunks(ids: tuple[str, ...], size: int = IDS_PER_QUERY) -> Iterator[tuple[str, ...]]:
    """The ids, ``size`` at a time."""
    return (ids[at : at + size] for at in range(0, len(ids), size))


class _Parser:
    """Recursive descent over the text; one method for each rule of the grammar above."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.at = 0

    def reject(self, why: str) -> NoReturn:
        raise QueryError(
            f"The Archive cannot read the query {self.query!r}: {why}. Write FIELD:value, quote "
            "texts with spaces or commas, join with AND or OR; e.g. sex:male AND age_approx:50"
        )

    def take(self, pattern: re.Pattern[str]) -> str:
        """The next match, or an empty string."""
        match = pattern.match(self.query, _SPACE.match(self.query, self.at).end())
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def sees(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.query, _SPACE.match(self.query, self.at).end()) is not None

    @property
    def rest(self) -> str:
        return self.query[self.at :].strip(" \t\r\n")

    def parse(self) -> None:
        self.any_of(depth=0)
        if self.rest:
            self.reject(f"{self.rest!r} is out of place")

    def any_of(self, depth: int) -> None:
        self.all_of(depth)
        while self.take(_OR):
            self.all_of(depth)

    def all_of(self, depth: int) -> None:
        self.group(depth)
        while self.take(_AND):
            self.group(depth)

    def group(self, depth: int) -> None:
        if not self.take(_OPEN):
            self.terms()
            return
        if depth == _DEEPEST:
            self.reject(f"its parentheses are more than {_DEEPEST} deep")
        self.any_of(depth + 1)
        if not self.take(_CLOSE):
            self.reject("a parenthesis is not closed" if not self.rest else self.misplaced())

    def terms(self) -> None:
        self.term()
        while self.rest and not any(map(self.sees, (_AND, _OR, _OPEN, _CLOSE))):
            self.term()

    def term(self) -> None:
        if not self.rest:
            self.reject("it ends too early")
        negated = bool(self.take(_MINUS))
        field = self.take(_NAME)
        if not field:
            self.reject(self.misplaced())
        if not self.take(_COLON):
            self.reject(f"{field!r} is not of the form FIELD:value")
        if field not in FIELDS:
            self.reject(_unknown_field(field))
        if field in BOOL_FIELDS:
            self.value(_BOOL_VALUE, f"{field} takes true, false or *")
        elif field in NUMBER_FIELDS:
            self.value(_NUMBER_VALUE, f"{field} takes a number or a range like [20 TO 40]")
        else:
            text = self.value(_TEXT_VALUE, f"{field} takes a word or a text in double quotes")
            self.check_wildcards(text.strip('"'), negated=negated)

    def value(self, pattern: re.Pattern[str], rule: str) -> str:
        if not self.rest:
            self.reject("it ends too early")
        value = self.take(pattern)
        if not value:
            self.reject(f"{rule}: {self.rest!r} cannot be read")
        return value

    def check_wildcards(self, text: str, *, negated: bool) -> None:
        """Reject what the server would silently answer wrongly."""
        if text == "*" or not text.startswith("*"):
            return
        if text.endswith("*"):
            why = f"{text!r} has a wildcard at both ends, and the second one counts as a literal *"
        elif negated:
            why = f"it negates {text!r} wrongly, since it begins with a wildcard"
        else:
            return
        raise QueryError(
            f"The Archive would answer the query {self.query!r} wrongly: {why}. Search for the "
            "values instead, e.g. (sex:male OR sex:female)."
        )

    def misplaced(self) -> str:
        return f"{self.rest!r} cannot be read where a field name is expected"


def _unknown_field(field: str) -> str:
    near = get_close_matches(field, FIELDS, n=1)
    hint = _MOVED.get(field) or (f"did you mean {near[0]}?" if near else "no such field")
    return f"{field!r} cannot be searched ({hint})"
