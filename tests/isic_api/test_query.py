"""The search language against the server's recorded verdicts, and against the fake Archive."""

from pathlib import Path

import pytest

from isic_api.errors import QueryError
from isic_api.query import check
from tests.fakes.archive_data import make_row
from tests.fakes.archive_query import CannotParse, matcher

RECORDED = Path(__file__).parents[1] / "data/isic_api/dsl_probe.txt"
VERDICTS = [
    (line[40:], line.startswith("200")) for line in RECORDED.read_text().splitlines() if line
]


def accepted(query):
    try:
        check(query)
    except QueryError:
        return False
    return True


def test_all_recorded_verdicts_are_there():
    assert len(VERDICTS) == 69


@pytest.mark.parametrize(("query", "verdict"), VERDICTS)
def test_agrees_with_the_recorded_verdict(query, verdict):
    assert accepted(query) is verdict


@pytest.mark.parametrize(("query", "verdict"), VERDICTS)
def test_the_fake_archive_agrees_with_the_recorded_verdict(query, verdict):
    try:
        matcher(query)
    except CannotParse:
        assert not verdict
    else:
        assert verdict


@pytest.mark.parametrize(
    "query",
    [
        "foo:bar",
        "diagnosis:melanoma",
        "anatom_site_general:*torso",
        "melanoma",
        "sex:male and age_approx:50",
        "_exists_:sex",
        "diagnosis_3:Solar or actinic keratosis",
        "diagnosis_3:Melanoma, NOS",
        "image_type:TBP tile: close-up",
        "age_approx:[[[[",
        "sex:male OR",
        "AND sex:male",
        "(sex:male",
        "sex:male)",
        "()",
        "sex:",
        ":male",
        "age_approx:[20 to 40]",
        "sex:[20 TO 40]",
        "sex:'male'",
    ],
)
def test_refuses_what_the_server_refuses(query):
    assert not accepted(query)


@pytest.mark.parametrize("query", ["", "   ", "(sex:male)", "((sex:male OR sex:female))"])
def test_accepts_empty_and_nested_queries(query):
    assert accepted(query)


def test_a_refusal_names_the_offender_and_the_way_out():
    with pytest.raises(QueryError, match=r"'diagnosis' cannot be searched \(use diagnosis_1"):
        check("diagnosis:melanoma")
    with pytest.raises(QueryError, match="did you mean age_approx"):
        check("age_aprox:50")


ACCEPTED = [
    *("age_approx:.5", "age_approx:50.", "age_approx:+50", "age_approx:-5", "age_approx:5e1"),
    *("age_approx:[-5 TO 40]", "age_approx:[20TO40]", "age_approx:[*TO*]", "sex:5"),
    *(r'sex:"a\b"', r'sex:"a\"', "sex:male\nage_approx:50", 'sex:"m"age_approx:50', 'sex:""'),
    *("age_approx:[1 TO 2]sex:male", "age_approx:*sex:male", "- sex : male", "sex:AND", "sex:-"),
    *("(sex:male)OR(sex:female)", "sex:OR AND sex:male", 'sex:"m"AND sex:"f"', "sex:ma*le"),
    "(" * 20 + "sex:male" + ")" * 20,
]
REFUSED = [
    *("sex:5.5", "sex:male\xa0age_approx:50", "sex:\xa0male", 'sex:"a\nb"', "color_tint:blue"),
    *("age_approx:50sex:male", "age_approx:50AND sex:male", 'sex:"m" ANDsex:"f"', "--sex:male"),
    *("age_approx:5 0", "(sex:male) sex:male", "(sex:male)(sex:male)", "sex:male (sex:female)"),
    *("age_approx:5e", "age_approx:- 5", "age_approx:[1 TO 2", "age_approx:5.5.5", "sex:mäle"),
    *("melanocytic:trueAND sex:male", 'sex:"', 'sex:"a""b"', "sex:male\fAND sex:male"),
    "(" * 30 + "sex:male" + ")" * 30,
]


@pytest.mark.parametrize(
    ("query", "verdict"), [*((q, True) for q in ACCEPTED), *((q, False) for q in REFUSED)]
)
def test_decides_as_the_servers_grammar_does(query, verdict):
    assert accepted(query) is verdict
    test_the_fake_archive_agrees_with_the_recorded_verdict(query, verdict)


ROWS = [make_row(number, 65) for number in range(60)]


def found(query):
    return {row.number for row in ROWS if matcher(query)(row)}


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ('-diagnosis_3:"*keratosis"', {n for n in range(60) if n % 10 not in (3, 4)}),
        ("sex:*al*", {n for n in range(60) if n % 3}),
        ('sex:"*al*"', {n for n in range(60) if n % 3}),
        ("sex:**", {n for n in range(60) if n % 3}),
    ],
)
def test_refuses_what_the_server_answers_wrongly_without_an_error(query, right):
    assert found(query) != right
    with pytest.raises(QueryError, match=r"negates .* wrongly|wildcard at both ends"):
        check(query)


def test_one_wildcard_at_either_end_works():
    assert found("sex:*emale") == found("sex:fem*") == {n for n in range(60) if n % 3 == 2}
    assert found("-sex:fem*") == {n for n in range(60) if n % 3 != 2}
    for query in ("sex:*emale", "sex:fem*", "-sex:fem*", "sex:*", "-sex:*"):
        check(query)
