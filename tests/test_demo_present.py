"""Numbers turned into HTML."""

import pytest

from demo.present import bars, context_words, headline, percentages, signed, warnings
from demo.texts import load_texts
from model.diagnosis import DIAGNOSIS_NAMES
from model.patient import FIELDS, Patient

TEXTS = load_texts()


def drawn(probabilities, names, *, alone=None):
    about = {"patient": Patient(), "fields": FIELDS, "texts": TEXTS}
    return bars(probabilities, names, alone=alone or probabilities, **about)


def test_shown_percentages_sum_to_exactly_100():
    thirds = percentages({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3})
    assert sum(thirds.values()) == pytest.approx(100, abs=1e-9)
    assert sorted(thirds.values()) == [33.3, 33.3, 33.4]


def test_a_certain_answer_is_shown_as_100_and_0():
    assert percentages({"A": 1.0, "B": 0.0}) == {"A": 100.0, "B": 0.0}


def test_bars_keep_the_order_of_the_names_not_of_the_probabilities():
    probabilities = dict.fromkeys(reversed(DIAGNOSIS_NAMES), 0.0) | {"SCC": 1.0}
    html = drawn(probabilities, DIAGNOSIS_NAMES)
    places = [html.index(f'data-class="{code}"') for code in DIAGNOSIS_NAMES]
    assert places == sorted(places)
    assert "Squamous cell carcinoma" in html
    assert "100.0 %" in html


def test_names_are_escaped():
    html = drawn({"X": 1.0}, {"X": "<script>"})
    assert "<script>" not in html


def test_context_names_only_what_is_known():
    assert context_words(Patient(age=55.0, sex="female"), FIELDS, TEXTS) == "age 55, female"
    assert context_words(Patient(), FIELDS, TEXTS) == TEXTS.result.no_context


def test_the_change_is_the_difference_of_the_shown_values():
    html = drawn({"A": 0.40049, "B": 0.59951}, {"A": "a", "B": "b"}, alone={"A": 0.3, "B": 0.7})
    assert "+10.0 pp" in html
    assert "−10.0 pp" in html


def test_a_change_that_is_shown_as_zero_has_no_sign():
    assert [signed(points) for points in (0.04, -0.04, 0.05001, -3.2)] == [
        "0.0",
        "0.0",
        "+0.1",
        "−3.2",
    ]


@pytest.mark.parametrize(
    ("measured", "promise"),
    [
        (True, "In testing, 9 of 10 such lists contained"),
        (False, "set to contain the true diagnosis in 9 of 10"),
    ],
)
def test_the_headline_names_what_is_listed_and_how_often_that_was_right(measured, promise):
    html = headline(["Melanoma", "Nevus"], coverage=0.908, measured=measured, texts=TEXTS)
    assert "Likely: melanoma, nevus." in html
    assert promise in html
    # Of one diagnosis they may have held fewer.
    assert ("all diagnoses together" in html) == measured


def test_the_headline_says_ten_of_ten_only_where_no_list_was_wrong():
    for coverage, said in ((0.96, "9 of 10 such"), (1.0, "10 of 10 such")):
        assert said in headline(["Melanoma"], coverage=coverage, measured=True, texts=TEXTS)


def test_the_headline_promises_nothing_of_photographs_that_the_lists_were_not_tested_on():
    html = headline(["Melanoma"], coverage=None, measured=True, texts=TEXTS)
    assert "Likely: melanoma." in html
    assert "9 of 10" not in html
    assert "not known" in html


def test_without_context_the_caption_says_that_both_columns_are_the_image_alone():
    assert "both columns are the image alone" in drawn({"A": 1.0}, {"A": "a"})


def test_warnings_say_what_is_wrong_and_nothing_where_nothing_is():
    assert warnings((), 0.9, TEXTS) == warnings((), None, TEXTS) == ""
    html = warnings(("blurred", "dark"), 1.2, TEXTS)
    assert "blurred, too dark" in html
    assert "Unlike the training images" in html


def test_every_problem_of_quality_has_its_words():
    from model.inference.quality import _ORDER

    for problem in (*_ORDER, "small_image"):
        assert getattr(TEXTS.quality, problem)
