"""Scores, the confusion matrix of a class, and what a threshold means for patients."""

import pytest

from demo.tabs.classroom import (
    Round,
    at_threshold,
    confusion,
    outcomes,
    predictive_values,
    rounds_csv,
    score,
)

ROUNDS = [Round("MEL", {"MEL": 5, "NV": 2}, "NV", "MEL"), Round("NV", {"MEL": 1}, "NV", "NV")]


def test_everyones_right_answers_are_counted():
    found = score(ROUNDS)
    assert (found.rounds, found.guesses, found.alone, found.whole) == (2, 1, 1, 2)


def test_the_confusion_matrix_has_the_truth_in_rows():
    assert confusion(ROUNDS, ["MEL", "NV"]) == [[5, 2], [1, 0]]


def test_rounds_are_saved_with_every_vote():
    lines = rounds_csv(ROUNDS, ["MEL", "NV"]).splitlines()
    assert lines[0].endswith("network_with_context,votes_MEL,votes_NV")
    assert lines[1:] == ["1,MEL,MEL,NV,MEL,5,2", "2,NV,MEL,NV,NV,1,0"]


def test_a_thousand_patients_are_shared_out_completely():
    found = outcomes(0.9, 0.8, prevalence=0.02)
    assert (found.found, found.missed, found.false_alarms, found.cleared) == (18, 2, 196, 784)
    assert found.referred == 214


def test_the_stored_threshold_nearest_to_the_asked_one_counts():
    stored = {"threshold": [0, 0.5, 1], "sensitivity": [1, 0.7, 0], "specificity": [0, 0.9, 1]}
    assert at_threshold(stored, 0.6) == (0.7, 0.9)


def test_the_same_test_means_less_where_the_disease_is_rare():
    clinic = predictive_values(0.9, 0.8, prevalence=0.5)
    screening = predictive_values(0.9, 0.8, prevalence=0.001)
    assert clinic == pytest.approx((0.45 / 0.55, 0.4 / 0.45))
    assert screening[0] == pytest.approx(0.0009 / (0.0009 + 0.1998))
    assert screening[1] > clinic[1]
    assert predictive_values(0.0, 1.0, prevalence=0.1)[0] is None


@pytest.mark.parametrize("prevalence", [0.0, 1.0])
def test_nobody_ill_or_everybody_ill_is_no_error(prevalence):
    found = outcomes(0.9, 0.8, prevalence=prevalence)
    assert found.found + found.missed + found.false_alarms + found.cleared == 1000
