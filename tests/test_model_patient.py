"""The patient's context and its encoding."""

import math

import numpy as np
import pandas as pd
import pytest

from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.errors import PatientError
from model.patient import FIELDS, Patient, PatientEncoder

ENCODER = PatientEncoder(age_mean=50.0, age_std=20.0, age_cap=85.0)
NOT_A_NUMBER = (math.nan, np.float32("nan"), np.float64("nan"), pd.NA)
UNKNOWN = (None, *NOT_A_NUMBER, "", " ", "unknown", "Unknown")


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_every_way_to_say_unknown_is_unknown_never_zero(unknown):
    assert Patient.parse(unknown, unknown, unknown) == Patient(None, None, None)


@pytest.mark.parametrize("age", [0, 120, "55", 85.0])
def test_ages_from_0_to_120_are_taken(age):
    assert Patient.parse(age).age_approx == float(age)


@pytest.mark.parametrize("age", [-1, 121, 1e308, math.inf, "old", True, [5], {}, 10**400])
def test_other_ages_are_refused_with_the_rule(age):
    with pytest.raises(PatientError, match="0 to 120"):
        Patient.parse(age)


@pytest.mark.parametrize("word", ["knee", 3, ["head/neck"], "HEAD/NECK"])
def test_other_sites_are_refused_with_the_words(word):
    with pytest.raises(PatientError, match=r"^site .*palms/soles"):
        Patient.parse(None, None, word)


def test_what_is_refused_is_named_as_it_was_given():
    for values in ((121,), (None, 3), (None, None, 3)):
        with pytest.raises(PatientError, match=f"^{FIELDS[len(values) - 1]} "):
            Patient.parse(*values, names=FIELDS)


def test_columns_are_age_and_flag_then_sex_then_site():
    row = ENCODER.encode([Patient(70, "male", "head/neck")])[0]
    assert row.tolist() == [1.0, 1.0, *(0, 1, 0), *(0, 1, 0, 0, 0, 0, 0, 0, 0)]
    assert ENCODER.width == len(row) == 2 + 3 + 9


def test_unknown_is_encoded_as_such_in_every_field():
    row = ENCODER.encode([Patient()])[0]
    assert row.tolist() == [0.0, 0.0, *(0, 0, 1), *(0,) * 8, 1.0]


def test_an_average_age_is_not_an_unknown_one():
    average, unknown = ENCODER.encode([Patient(50), Patient()])
    assert average[0] == unknown[0] == 0
    assert (average[1], unknown[1]) == (1, 0)


def test_ages_above_the_cap_count_as_the_cap():
    assert np.array_equal(*ENCODER.encode([Patient(85), Patient(110)]))


def test_every_word_has_a_column_of_its_own():
    patients = [Patient(None, sex, site) for sex in CHALLENGE_SEXES for site in CHALLENGE_SITES]
    assert len(np.unique(ENCODER.encode(patients), axis=0)) == len(patients)


def test_forgetting_all_fields_equals_an_unknown_patient_and_spares_the_others():
    encoded = ENCODER.encode([Patient(70, "male", "head/neck")] * 2)
    forgotten = ENCODER.forget(encoded, dict.fromkeys(FIELDS, np.array([True, False])))
    assert np.array_equal(forgotten[0], ENCODER.encode([Patient()])[0])
    assert np.array_equal(forgotten[1], encoded[1])


def test_forgetting_one_field_keeps_the_rest():
    encoded = ENCODER.encode([Patient(70, "male", "head/neck")])
    forgotten = ENCODER.forget(encoded, {"sex": np.array([True])})
    assert np.array_equal(forgotten, ENCODER.encode([Patient(70, None, "head/neck")]))


def test_scaling_comes_from_the_known_ages():
    encoder = PatientEncoder.fit([40.0, 60.0, math.nan])
    assert (encoder.age_mean, encoder.age_std) == (50.0, 10.0)
