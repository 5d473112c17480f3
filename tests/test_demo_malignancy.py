"""Answers summed up as malignant against benign."""

from dataclasses import replace

import pytest

from demo.malignancy import malignancy, malignancy_html
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES
from model.inference.bundle import RELEASED, read_manifest
from tests.pages import asking

TEXTS = load_texts()
ANSWER = dict.fromkeys(DIAGNOSES, 0.1) | {"MEL": 0.2, "NV": 0.2}
POINTS = {"malignant": {"at_90_sensitivity": 0.45}}


def interval(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


MEASURED = {
    "malignant": {
        "at_90_sensitivity": {
            "threshold": 0.45,
            "sensitivity": interval(0.89),
            "specificity": interval(0.68),
        }
    }
}


@pytest.fixture
def manifest():
    return replace(read_manifest(RELEASED), operating_points=POINTS, metrics={})


def said(found, manifest, *, alike=True):
    return malignancy_html(found, manifest.classes, alike=alike, texts=TEXTS)


def test_malignant_classes_are_summed_and_precursors_stand_apart(manifest):
    found = malignancy(ANSWER, manifest)
    assert found.malignant == pytest.approx(0.4)  # MEL, BCC, SCC
    assert found.precursors == {"AK": 0.1}
    assert found.malignant + found.benign + 0.1 == pytest.approx(1)
    text = said(found, manifest)
    assert "Malignant 40.0 %; benign 50.0 %; precursor (actinic keratosis) 10.0 %." in text


def test_the_sum_stands_beside_its_threshold(manifest):
    assert "It is below the threshold of 45.0 %" in said(malignancy(ANSWER, manifest), manifest)
    low = replace(manifest, operating_points={"malignant": {"at_90_sensitivity": 0.4}})
    exactly = malignancy(ANSWER | {"MEL": 0.25, "BCC": 0.125, "SCC": 0.025}, low)
    assert "It reaches the threshold of 40.0 %" in said(exactly, low)
    without = replace(manifest, operating_points={})
    assert "threshold" not in said(malignancy(ANSWER, without), without)


def test_what_the_threshold_gave_on_test_images_is_said_of_images_like_them(manifest):
    measured = replace(manifest, metrics={"test": {"operating_points": MEASURED}})
    found = malignancy(ANSWER, measured)
    assert found.specificity == interval(0.68)
    figures = "sensitivity of 89 % (84–94 %) and a specificity of 68 % (63–73 %)"
    assert figures in said(found, measured)
    assert figures not in said(found, measured, alike=False)


def test_a_task_that_does_not_say_what_is_malignant_is_not_summed_up():
    manifest = asking("custom", {"A": "A", "B": "B"}).manifest
    assert malignancy({"A": 0.5, "B": 0.5}, manifest) is None
    assert said(None, manifest) == ""
