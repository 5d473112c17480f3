"""Numbers turned into HTML."""

import pytest

from demo.present import bars, context_words, percentages
from demo.texts import load_texts
from model.diagnosis import DIAGNOSIS_NAMES
from model.patient import Patient

TEXTS = load_texts()


def test_shown_percentages_sum_to_exactly_100():
    thirds = percentages({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3})
    assert sum(thirds.values()) == pytest.approx(100, abs=1e-9)
    assert sorted(thirds.values()) == [33.3, 33.3, 33.4]


def test_a_certain_answer_is_shown_as_100_and_0():
    assert percentages({"A": 1.0, "B": 0.0}) == {"A": 100.0, "B": 0.0}


def test_bars_keep_the_order_of_the_names_not_of_the_probabilities():
    probabilities = dict.fromkeys(reversed(DIAGNOSIS_NAMES), 0.0) | {"SCC": 1.0}
    html = bars(probabilities, DIAGNOSIS_NAMES, patient=Patient(), texts=TEXTS)
    places = [html.index(f'data-class="{code}"') for code in DIAGNOSIS_NAMES]
    assert places == sorted(places)
    assert "Squamous cell carcinoma" in html
    assert "100.0 %" in html


def test_names_are_escaped():
    html = bars({"X": 1.0}, {"X": "<script>"}, patient=Patient(), texts=TEXTS)
    assert "<script>" not in html


def test_context_names_only_what_is_known():
    assert context_words(Patient(55, "female", None), TEXTS) == "age 55, female"
    assert context_words(Patient(), TEXTS) == TEXTS.result.no_context
