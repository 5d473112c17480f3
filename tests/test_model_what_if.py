"""Shapley values against a game worked by hand."""

import numpy as np
import pytest

from model.inference.what_if import AGES, by_age, contributions
from model.patient import Patient


def game(patients):
    """Worth 0.3 with the age, 0.1 with the sex, 0.2 more with both, whatever the site."""
    rows = [
        0.3 * (p.age_approx is not None)
        + 0.1 * (p.sex is not None)
        + 0.2 * (p.age_approx is not None and p.sex is not None)
        for p in patients
    ]
    return np.array(rows)[:, None]


def test_what_two_fields_do_together_is_shared_equally():
    found = contributions(game, Patient(50.0, "male", "head/neck"))
    assert found["age_approx"][0] == pytest.approx(0.4)
    assert found["sex"][0] == pytest.approx(0.2)
    assert found["anatom_site_general"][0] == pytest.approx(0.0)


def test_eight_answers_suffice_and_an_unknown_field_costs_none():
    asked = []

    def counting(patients):
        asked.append(len(patients))
        return game(patients)

    contributions(counting, Patient(50.0, "male", "head/neck"))
    contributions(counting, Patient(50.0, None, None))
    assert asked == [8, 2]


def test_the_other_fields_stay_when_the_age_is_varied():
    seen = []

    def watching(patients):
        seen.extend(patients)
        return game(patients)

    by_age(watching, Patient(50.0, "male", "palms/soles"), ["female", "male"])
    assert {p.anatom_site_general for p in seen} == {"palms/soles"}
    assert {p.sex for p in seen} == {"female", "male", None}
    assert sorted({p.age_approx for p in seen}) == [float(age) for age in AGES]
