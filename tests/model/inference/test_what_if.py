"""Shapley values against a game worked by hand."""

import numpy as np
import pytest

from model.inference.what_if import contributions, what_if
from model.patient import AGE, FIELDS, SEX, Patient


def game(patients):
    """Worth 0.3 with the age, 0.1 with the sex, 0.2 more with both, whatever the site."""
    rows = [
        0.3 * ("age" in p) + 0.1 * ("sex" in p) + 0.2 * ("age" in p and "sex" in p)
        for p in patients
    ]
    return np.array(rows)[:, None]


def test_what_two_fields_do_together_is_shared_equally():
    found = contributions(game, Patient(age=50.0, sex="male", site="head/neck"), FIELDS)
    assert found["age"][0] == pytest.approx(0.4)
    assert found["sex"][0] == pytest.approx(0.2)
    assert found["site"][0] == pytest.approx(0.0)


def test_eight_answers_suffice_and_an_unknown_field_costs_none():
    asked = []

    def counting(patients):
        asked.append(len(patients))
        return game(patients)

    contributions(counting, Patient(age=50.0, sex="male", site="head/neck"), FIELDS)
    contributions(counting, Patient(age=50.0), FIELDS)
    assert asked == [8, 2]


def test_the_other_fields_stay_when_the_age_is_varied():
    seen = []

    def watching(patients):
        seen.extend(patients)
        return game(patients)

    patient = Patient(age=50.0, sex="male", site="palms/soles")
    found = what_if(watching, patient, AGE)
    assert {(p["sex"], p["site"]) for p in seen} == {("male", "palms/soles")}
    assert [p["age"] for p in seen] == list(found) == list(AGE.variations)


def test_a_choice_is_varied_over_all_its_words_and_unknown():
    assert list(what_if(game, Patient(sex="male"), SEX)) == ["female", "male", None]
