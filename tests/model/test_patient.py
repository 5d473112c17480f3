"""The schema of the patient's context: parsing, grouping, varying and encoding."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model.errors import BundleError, PatientError
from model.inference.bundle import RELEASED
from model.patient import (
    AGE,
    FIELDS,
    SEX,
    SITE,
    YES_NO,
    ChoiceField,
    Patient,
    PatientEncoder,
    describe,
    vary,
)

ENCODER = PatientEncoder(FIELDS, {"age": {"mean": 50.0, "std": 20.0}, "sex": {}, "site": {}})
KNOWN = Patient(age=70.0, sex="male", site="head/neck")
HISTORY = ChoiceField("family_hx_mm", "family_history", YES_NO)
NOT_A_NUMBER = (math.nan, np.float32("nan"), np.float64("nan"), pd.NA)
UNKNOWN = (None, *NOT_A_NUMBER, "", " ", "unknown", "Unknown")


class TestParsing:
    @pytest.mark.parametrize("unknown", UNKNOWN)
    def test_every_way_to_say_unknown_is_unknown_never_zero(self, unknown):
        assert Patient.parse({field.key: unknown for field in FIELDS}) == Patient()

    @pytest.mark.parametrize("age", [0, 120, "55", 85.0])
    def test_ages_from_0_to_120_are_taken(self, age):
        assert Patient.parse({"age": age})["age"] == float(age)

    @pytest.mark.parametrize("age", [-1, 121, 1e308, math.inf, "old", True, [5], {}, 10**400])
    def test_other_ages_are_refused_with_the_rule(self, age):
        with pytest.raises(PatientError, match="0 to 120"):
            Patient.parse({"age": age})

    @pytest.mark.parametrize("word", ["knee", 3, ["head/neck"], "HEAD/NECK"])
    def test_other_sites_are_refused_with_the_words(self, word):
        with pytest.raises(PatientError, match=r"^site .*palms/soles"):
            Patient.parse({"site": word})

    @pytest.mark.parametrize("name", [name for f in FIELDS for name in (f.key, f.column)])
    def test_key_and_column_are_both_accepted_and_named_as_they_were_given(self, name):
        with pytest.raises(PatientError, match=f"^{name} 'x' is not"):
            Patient.parse({name: "x"})

    def test_the_order_of_the_source_does_not_matter(self):
        raw = {"site": "head/neck", "sex": "male", "age": 70}
        assert Patient.parse(raw) == KNOWN
        assert list(Patient.parse(raw)) == ["age", "sex", "site"]

    def test_a_field_under_both_names_is_refused_unless_one_is_unknown(self):
        with pytest.raises(PatientError, match="age came twice"):
            Patient.parse({"age": 60, "age_approx": 60})
        assert Patient.parse({"age": "", "age_approx": 60}) == Patient(age=60.0)

    def test_a_name_that_is_no_field_is_refused_with_those_that_are(self):
        with pytest.raises(PatientError, match=r"'height' is no field.*age, sex, site"):
            Patient.parse({"height": 180})


class TestPatient:
    def test_it_holds_what_is_known_by_key(self):
        patient = Patient(age=50.0, sex=None)
        assert dict(patient) == {"age": 50.0}
        assert patient.get("sex") is None

    def test_equal_patients_are_one_key_of_a_dictionary(self):
        assert {KNOWN: 1}[Patient(site="head/neck", sex="male", age=70.0)] == 1

    def test_only_and_replace_leave_the_patient_as_it_was(self):
        assert KNOWN.only(["sex"]) == Patient(sex="male")
        assert KNOWN.replace("age", None) == Patient(sex="male", site="head/neck")
        assert KNOWN["age"] == 70

    def test_it_is_said_in_words_in_the_schemas_order(self):
        assert describe(KNOWN, FIELDS) == "age 70, male, head/neck"
        patient = Patient(family_history="yes", age=5.0)
        assert describe(patient, (*FIELDS, HISTORY)) == "age 5, family history: yes"
        assert describe(Patient(), FIELDS) == ""


class TestGroupsAndVariations:
    def test_every_value_belongs_to_one_of_the_groups(self):
        bands = [AGE.group(age) for age in (5.0, 30.0, 59.0, 60.0, 85.0, None)]
        assert bands == ["under 30", "30-44", "45-59", "60-74", "75 and over", "unknown"]
        assert bands == list(AGE.groups)
        assert [SEX.group(word) for word in (*SEX.words, None)] == list(SEX.groups)

    def test_what_if_varies_one_field_and_leaves_the_others(self):
        ages = vary(KNOWN, AGE)
        assert list(ages) == list(range(5, 90, 5))
        assert ages[30] == Patient(age=30, sex="male", site="head/neck")
        assert list(vary(KNOWN, SEX)) == ["female", "male", None]


class TestEncoding:
    def test_columns_are_age_and_flag_then_sex_then_site(self):
        row = ENCODER.encode([KNOWN])[0]
        assert row.tolist() == [1.0, 1.0, *(0, 1, 0), *(0, 1, 0, 0, 0, 0, 0, 0, 0)]
        assert ENCODER.width == len(row) == 2 + 3 + 9

    def test_unknown_is_encoded_as_such_in_every_field(self):
        row = ENCODER.encode([Patient()])[0]
        assert row.tolist() == [0.0, 0.0, *(0, 0, 1), *(0,) * 8, 1.0]

    def test_an_average_age_is_not_an_unknown_one(self):
        average, unknown = ENCODER.encode([Patient(age=50.0), Patient()])
        assert average[0] == unknown[0] == 0
        assert (average[1], unknown[1]) == (1, 0)

    def test_ages_above_the_cap_count_as_the_cap(self):
        assert np.array_equal(*ENCODER.encode([Patient(age=85.0), Patient(age=110.0)]))

    def test_every_word_has_a_column_of_its_own(self):
        patients = [Patient(sex=sex, site=site) for sex in SEX.words for site in SITE.words]
        assert len(np.unique(ENCODER.encode(patients), axis=0)) == len(patients)

    def test_a_word_of_another_version_is_refused_not_encoded_as_nothing(self):
        with pytest.raises(PatientError, match="'knee'"):
            ENCODER.encode([Patient(site="knee")])

    def test_a_field_that_the_encoder_does_not_know_changes_nothing(self):
        further = KNOWN.replace("family_history", "yes")
        assert np.array_equal(*ENCODER.encode([KNOWN, further]))

    def test_scaling_comes_from_the_known_ages(self):
        patients = [Patient(age=40.0), Patient(age=60.0), Patient()]
        assert PatientEncoder.fit(patients).scaling["age"] == {"mean": 50.0, "std": 10.0}

    def test_dropping_all_fields_equals_an_unknown_patient_and_spares_the_others(self):
        encoded = ENCODER.encode([KNOWN] * 2)
        dropped = ENCODER.drop(encoded, {f.key: np.array([True, False]) for f in FIELDS})
        assert np.array_equal(dropped[0], ENCODER.encode([Patient()])[0])
        assert np.array_equal(dropped[1], encoded[1])

    def test_dropping_one_field_keeps_the_rest(self):
        dropped = ENCODER.drop(ENCODER.encode([KNOWN]), {"sex": np.array([True])})
        assert np.array_equal(dropped, ENCODER.encode([KNOWN.replace("sex", None)]))


class TestBundle:
    def test_an_encoder_survives_the_manifest(self):
        encoder = PatientEncoder.fit([KNOWN], (*FIELDS, HISTORY))
        assert PatientEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder

    def test_the_three_fields_of_format_1_are_read(self):
        old = {"age_mean": 50.0, "age_std": 20.0, "age_cap": 80.0}
        old |= {"sexes": ["female", "male"], "sites": list(SITE.words)}
        encoder = PatientEncoder.from_dict(old)
        assert encoder.fields == (replace(AGE, cap=80.0), SEX, SITE)
        assert encoder.scaling == ENCODER.scaling

    def test_the_shipped_bundle_has_the_fields_of_the_schema(self):
        manifest = json.loads((RELEASED / "bundle.json").read_text())
        encoder = PatientEncoder.from_dict(manifest["patient"])
        assert [field.column for field in encoder.fields] == [field.column for field in FIELDS]

    def test_a_field_of_an_unknown_kind_is_refused(self):
        with pytest.raises(BundleError, match="kind 'date'"):
            PatientEncoder.from_dict({"fields": [{"kind": "date", "key": "born"}]})
