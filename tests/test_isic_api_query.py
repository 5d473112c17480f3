"""The search language against the server's recorded verdicts, and against the fake Archive."""

from pathlib import Path

import pytest
from fake_archive_data import make_row
from fake_archive_query import CannotParse, matcher

from isic_api.errors import QueryError
from isic_api.query import any_of, between, check, equals, known

RECORDED = Path(__file__).parent / "data/isic_api/dsl_probe.txt"
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


ROWS = [make_row(number, 65) for number in range(60)]


def found(query):
    test = matcher(str(query))
    return {row.number for row in ROWS if test(row)}


def test_built_queries_find_what_they_say():
    male = {row.number for row in ROWS if row.fields.get("sex") == "male"}
    middle = {row.number for row in ROWS if 20 <= row.fields.get("age_approx", -1) <= 40}
    assert found(equals("sex", "male")) == male
    assert found(equals("sex", "male") & between("age_approx", 20, 40)) == male & middle
    assert found(equals("sex", "male") | between("age_approx", 20, 40)) == male | middle
    assert found(~equals("sex", "male")) == set(range(60)) - male
    assert found(between("age_approx", 20, None, open_low=True)) == {
        row.number for row in ROWS if row.fields.get("age_approx", -1) > 20
    }
    assert found(~known("age_approx")) == {0, 11, 22, 33, 44, 55}
    assert found(equals("melanocytic", True)) == {n for n in range(60) if n % 10 < 2}
    assert found(equals("diagnosis_3", "Melanoma, NOS")) == {0, 10, 20, 30, 40, 50}


def test_joined_queries_keep_their_meaning_inside_each_other():
    either = any_of("sex", ["male", "female"])
    query = either & equals("age_approx", 50)
    assert str(query) == '(sex:"male" OR sex:"female") AND age_approx:50'
    assert found(query) == found(either) & found(equals("age_approx", 50))
    double = ~~equals("sex", "male")
    assert str(double) == 'sex:"male"'


@pytest.mark.parametrize(
    "build",
    [
        lambda: equals("sex", 'ma"le'),
        lambda: equals("sex", 'male" OR sex:"female'),
        lambda: equals("sex", "back\\slash"),
        lambda: equals("diagnosis", "melanoma"),
        lambda: equals("sex:male OR sex", "female"),
        lambda: equals("age_approx", "50"),
        lambda: between("sex", 1, 2),
        lambda: ~(equals("sex", "male") & equals("age_approx", 50)),
        lambda: ~equals("diagnosis_3", "*keratosis"),
        lambda: any_of("sex", []),
    ],
)
def test_the_builder_refuses_what_cannot_be_said(build):
    with pytest.raises(QueryError):
        build()


def test_every_built_query_passes_the_check():
    for query in (equals("image_type", "TBP tile: close-up"), known("sex"), ~known("sex")):
        check(str(query))
