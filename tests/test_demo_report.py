"""The report of one prediction."""

from dataclasses import replace

import pytest

from demo.predict_tab import ask
from demo.report import said
from demo.texts import load_texts
from model.image import read_image
from model.inference.bundle import RELEASED, read_manifest
from model.patient import Patient
from tests.fake_study import FakeStudy


@pytest.mark.parametrize(
    ("test", "promise"),
    [
        ({}, "set to contain the true diagnosis in 9 of 10"),
        ({"coverage": {"value": 0.72}}, "7 of 10 such lists contained"),
        ({"coverage": {"value": 0.0}}, "0 of 10 such lists contained"),
    ],
)
def test_it_says_how_often_lists_were_right_however_rarely_that_was(test, promise, photograph):
    stated = {"prediction_sets": {"coverage": 0.9}, "metrics": {"test": test}}
    manifest = replace(read_manifest(RELEASED), **stated)
    answer = ask(FakeStudy(read_image(photograph)), Patient())
    assert promise in said(answer, manifest, load_texts())
