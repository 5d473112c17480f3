"""The server's side of the search language: which rows match, or None for "cannot parse".

Written from the recorded verdicts, apart from isic_api.query, so that the two check each other.
"""

import re

LEVELS = (f"{name}_{n}" for name in ("diagnosis", "anatom_site") for n in range(1, 6))
TEXT = {
    *("isic_id", "sex", "copyright_license", "image_type", "dermoscopic_type", "tbp_tile_type"),
    *("diagnosis_confirm_type", "anatom_site_special", "image_manipulation", "color_tint"),
    *("fitzpatrick_skin_type", "mel_mitotic_index", "patient_id", "lesion_id", "rcm_case_id"),
    *LEVELS,
}
NUMBER = {"age_approx", "clin_size_long_diam_mm", "mel_thick_mm"}
BOOL = {
    *("public", "melanocytic", "mel_ulcer"),
    *("family_hx_mm", "personal_hx_mm", "concomitant_biopsy"),
}

TERM = re.compile(
    r'(-?)(\w+)\s*:\s*("[^"\\]*"|[\[{][^\]}]*[\]}]|[A-Za-z0-9*_.-]+)(?=[\s)]|$)',
)
RANGE = re.compile(r"([\[{])\s*([\d.]+|\*)\s+TO\s+([\d.]+|\*)\s*([\]}])")


class CannotParse(Exception):  # noqa: N818
    pass


def matcher(query: str):
    """A test for rows; raises CannotParse where the server answers 400."""
    text = query.strip()
    if not text:
        return lambda row: True
    test, rest = _either(text)
    if rest:
        raise CannotParse(rest)
    return test


def _either(text):
    test, text = _both(text)
    tests = [test]
    while re.match(r"OR\b", text):
        test, text = _both(text[2:].lstrip())
        tests.append(test)
    return (lambda row: any(one(row) for one in tests)), text


def _both(text):
    test, text = _group(text)
    tests = [test]
    while re.match(r"AND\b", text):
        test, text = _group(text[3:].lstrip())
        tests.append(test)
    return (lambda row: all(one(row) for one in tests)), text


def _group(text):
    if text.startswith("("):
        test, text = _either(text[1:].lstrip())
        if not text.startswith(")"):
            raise CannotParse(text)
        return test, text[1:].lstrip()
    tests = []
    while match := TERM.match(text):
        tests.append(_term(*match.groups()))
        text = text[match.end() :].lstrip()
    if not tests:
        raise CannotParse(text)
    return (lambda row: all(one(row) for one in tests)), text


def _term(sign, name, value):
    found = _test(name, value)

    def test(row):
        top = {"isic_id": row.isic_id, "copyright_license": row.license, "public": row.public}
        actual = top.get(name, row.fields.get(name))
        return (actual is not None and found(actual)) != (sign == "-")

    return test


def _test(name, value):
    if name not in TEXT | NUMBER | BOOL:
        raise CannotParse(name)
    if value == "*":
        return lambda actual: True
    if name in BOOL:
        if value not in ("true", "false"):
            raise CannotParse(value)
        return lambda actual: actual == (value == "true")
    return _number(value) if name in NUMBER else _text(value)


def _number(value):
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return lambda actual: float(actual) == float(value)
    match = RANGE.fullmatch(value)
    if not match:
        raise CannotParse(value)
    left, low, high, right = match.groups()
    low = float("-inf") if low == "*" else float(low)
    high = float("inf") if high == "*" else float(high)
    return lambda actual: (
        (low < float(actual) or (left == "[" and low == float(actual)))
        and (float(actual) < high or (right == "]" and high == float(actual)))
    )


def _text(value):
    if value[0] in "[{":
        raise CannotParse(value)
    value = value.strip('"')
    if value.startswith("*"):
        return lambda actual: str(actual).endswith(value[1:])
    if value.endswith("*"):
        return lambda actual: str(actual).startswith(value[:-1])
    return lambda actual: str(actual) == value
