"""Fields that make no sense: a sentence for the visitor, a JSON error for programs."""

import json

import pytest

from benchmarks.visitor import Visitor
from tests.demo.pages import add_photograph, predict


@pytest.fixture(scope="module")
def visitor(address):
    return Visitor(address)


@pytest.fixture(scope="module")
def file(visitor, photograph):
    return visitor.upload(photograph.read_bytes())


BAD_AGES = [-1, -0.5, 120.5, 1e308, float("inf"), -float("inf"), 10**30, "old", "5e", "<b>", [50]]
BAD_AGES += [{"age": 50}, True, [], {}, "9" * 5_000, "٣x", "\0"]


@pytest.mark.parametrize("age", BAD_AGES, ids=lambda age: repr(age)[:12])
def test_an_impossible_age_is_named_to_programs_and_on_the_page(age, visitor, file):
    answers = [
        visitor.call([file, age, None, None]),
        visitor.press("predict", [None, None, file, age, "unknown", "unknown", 50]),
    ]
    for answer in answers:
        assert "data" not in answer
        assert "is not a number of years from 0 to 120. Give the age in years" in answer["error"]
        assert len(answer["error"]) < 400


BAD_WORDS = [
    "other",
    "FEMALE ",
    "female\0",
    1,
    0.0,
    True,
    ["female"],
    {"sex": "female"},
    "x" * 9_999,
]


@pytest.mark.parametrize("word", BAD_WORDS, ids=lambda word: repr(word)[:12])
@pytest.mark.parametrize(("place", "name"), [(2, "sex"), (3, "site")])
def test_a_word_that_is_not_in_the_list_is_named(place, name, word, visitor, file):
    values = [file, 50, None, None]
    values[place] = word
    error = visitor.call(values)["error"]
    assert error.startswith(f"{name} ")
    assert "Use one of: " in error
    assert len(error) < 500


@pytest.mark.parametrize("unknown", [None, "", "unknown", " Unknown ", float("nan")])
def test_unknown_has_several_spellings(unknown, visitor, file):
    whole = visitor.call([file, None, None, None])
    assert visitor.call([file, unknown, unknown, unknown]) == whole


@pytest.mark.parametrize("age", [0, 120, 55, "55", 54.5, 1e-320, -0.0])
def test_an_age_at_either_end_is_answered_with_numbers_of_json(age, visitor, file):
    (answer,) = visitor.call([file, age, "female", "head/neck"])["data"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_a_missing_photograph_is_asked_for_and_missing_context_is_unknown(visitor, file):
    said = visitor.call([])["error"]
    assert said.startswith("The request needs 5 values but has 0.")
    assert visitor.press("predict", [None, None, file])["error"].startswith("The request needs")
    whole = visitor.call([file, 50, None, None, None])
    assert visitor.call([file, 50]) == whole
    assert "data" in visitor.call([file])


@pytest.mark.parametrize("image", [None, "", 5, [], {}, "lesion.jpg", {"path": None}])
def test_without_a_photograph_one_is_asked_for(image, visitor):
    assert visitor.call([image, 50, None, None])["error"].startswith("Add a photograph first")


HOSTILE = [None, "x", float("nan"), [None], {"path": "/etc/passwd"}]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_no_event_of_the_page_hangs_or_breaks_on_hostile_values(value, address, photograph):
    visitor = Visitor(address, timeout=20)
    for event in visitor.events:
        answer = visitor.trigger(event["id"], [value] * len(event["inputs"]))
        assert "data" in answer or "error" in answer, event["id"]
    file = visitor.upload(photograph.read_bytes())
    assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])


def test_no_event_of_the_page_hangs_or_breaks_on_another_number_of_values(address, photograph):
    visitor = Visitor(address, timeout=20)
    for event in visitor.events:
        for count in {0, 1, len(event["inputs"]) + 3} - {len(event["inputs"])}:
            answer = visitor.trigger(event["id"], [None] * count)
            assert "data" in answer or "error" in answer, event["id"]
    file = visitor.upload(photograph.read_bytes())
    assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_no_knob_hangs_or_breaks_once_there_is_an_answer(value, address, photograph):
    visitor = Visitor(address, timeout=20)
    file = visitor.upload(photograph.read_bytes())
    assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])
    for event in visitor.events:
        if len(event["inputs"]) > 2:
            answer = visitor.trigger(event["id"], [value] * len(event["inputs"]))
            assert "data" in answer or "error" in answer, event["id"]
    assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])


def test_on_the_page_the_sentence_is_read_and_mending_the_field_helps(window, address, photograph):
    page = window
    page.goto(address)
    add_photograph(page, photograph)
    page.locator("#age input").fill("-5")
    page.locator("#predict").click()
    page.get_by_text("age -5 is not a number of years from 0 to 120.").wait_for()
    page.locator("#age input").fill("55")
    predict(page)
