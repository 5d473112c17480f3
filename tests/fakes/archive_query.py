"""The server's side of the search language: which rows match, or None for "cannot parse".

Written from the recorded verdicts, apart from isic_api.query, so that the two check each other.
"""

import re

LEVELS = (f"{name}_{n}" for name in ("diagnosis", "anatom_site") for n in range(1, 6))
TEXT = {
    *("isic_id", "sex", "copyright_license", "image_type", "dermoscopic_type", "tbp_tile_type"),
    *("diagnosis_confirm_type", "anatom_site_special", "image_manipulation"),
    *("fitzpatrick_skin_type", "mel_mitotic_index", "patient_id", "lesion_id", "rcm_case_id"),
    *LEVELS,
}
NUMBER = {"age_approx", "clin_size_long_diam_mm", "mel_thick_mm"}
BOOL = {
    *("public", "melanocytic", "mel_ulcer"),
    *("family_hx_mm", "personal_hx_mm", "concomitant_biopsy"),
}
KINDS = {"text": TEXT, "number": NUMBER, "bool": BOOL}

TERM = re.compile(r"(-?)[ \t\r\n]*(?<![\w$])(\w+)[ \t\r\n]*:[ \t\r\n]*", re.ASCII)
NUMERAL = r"[+-]?(?:\d+(?:[eE][+-]?\d+)|(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+)"
VALUE = {
    "text": re.compile(r'"[^"\r\n]*"|[A-Za-z0-9*_-]+'),
    "number": re.compile(
        rf"([\[{{])\s*({NUMERAL}|\*)\s*TO\s*({NUMERAL}|\*)\s*([\]}}])|{NUMERAL}|\*", re.ASCII
    ),
    "bool": re.compile(r"true|false|\*"),
}
BLANKS = " \t\r\n"


class CannotParse(Exception):  # noqa: N818
    pass


def matcher(query: str):
    """A test for rows; raises CannotParse where the server answers 400."""
    text = query.strip(BLANKS)
    if not text:
        return lambda row: True
    if text.count("(") >= 30:
        raise CannotParse("the server's parser runs out of stack")
    test, at = _either(text, 0)
    if at < len(text):
        raise CannotParse(text[at:])
    return test


def _skip(text, at):
    return len(text) - len(text[at:].lstrip(BLANKS))


def _keyword(word, text, at):
    return re.compile(rf"(?<![\w$]){word}(?![\w$])", re.ASCII).match(text, at)


def _either(text, at):
    test, at = _both(text, at)
    tests = [test]
    while _keyword("OR", text, at):
        test, at = _both(text, _skip(text, at + 2))
        tests.append(test)
    return (lambda row: any(one(row) for one in tests)), at


def _both(text, at):
    test, at = _group(text, at)
    tests = [test]
    while _keyword("AND", text, at):
        test, at = _group(text, _skip(text, at + 3))
        tests.append(test)
    return (lambda row: all(one(row) for one in tests)), at


def _group(text, at):
    if text[at : at + 1] == "(":
        test, at = _either(text, _skip(text, at + 1))
        if text[at : at + 1] != ")":
            raise CannotParse(text[at:])
        return test, _skip(text, at + 1)
    tests = []
    while match := TERM.match(text, at):
        sign, name = match.groups()
        kind = next((kind for kind, names in KINDS.items() if name in names), None)
        value = kind and VALUE[kind].match(text, match.end())
        if not value:
            raise CannotParse(text[at:])
        tests.append(_term(sign, name, kind, value))
        at = _skip(text, value.end())
    if not tests:
        raise CannotParse(text[at:])
    return (lambda row: all(one(row) for one in tests)), at


def _term(sign, name, kind, value):
    found = _test(kind, value, negated=sign == "-")

    def test(row):
        top = {"isic_id": row.isic_id, "copyright_license": row.license, "public": row.public}
        actual = top.get(name, row.fields.get(name))
        return (actual is not None and found(actual)) != (sign == "-")

    return test


def _test(kind, value, *, negated):
    if value[0] == "*":
        return lambda actual: True
    if kind == "bool":
        return lambda actual: actual == (value[0] == "true")
    return _number(value) if kind == "number" else _text(value[0], negated=negated)


def _number(value):
    left, low, high, right = value.groups()
    if left is None:
        return lambda actual: float(actual) == float(value[0])
    low = float("-inf") if low == "*" else float(low)
    high = float("inf") if high == "*" else float(high)
    return lambda actual: (
        (low < float(actual) or (left == "[" and low == float(actual)))
        and (float(actual) < high or (right == "]" and high == float(actual)))
    )


def _text(value, *, negated):
    """With the server's two faults: a second wildcard is a literal, a negated one is moved."""
    value = value.strip('"')
    if value.startswith("*"):
        if negated:
            return lambda actual: str(actual).startswith(value[1:])
        return lambda actual: str(actual).endswith(value[1:])
    if value.endswith("*"):
        return lambda actual: str(actual).startswith(value[:-1])
    return lambda actual: str(actual) == value
