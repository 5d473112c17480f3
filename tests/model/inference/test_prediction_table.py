"""Predictions for programs."""

import json

import numpy as np
import pytest

from model.inference.prediction_table import (
    prediction_line,
    prediction_record,
    same_lesion,
)
from model.patient import Patient
from tests.drawings import draw_lesion
from tests.fakes.study import FakeStudy


def test_photographs_of_one_lesion_are_answered_by_their_mean_log_probability():
    together = same_lesion(np.array([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]]))
    assert together.sum() == pytest.approx(1)
    assert together == pytest.approx(np.array([0.4, 0.2, 0.2]) / 0.8)
    assert same_lesion(np.array([[0.7, 0.3]])) == pytest.approx([0.7, 0.3])
    assert same_lesion(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx([0.5, 0.5])


def test_a_line_of_json_has_all_that_is_answered():
    study = FakeStudy(draw_lesion(0, seed=1))
    line = json.loads(prediction_line("a.jpg", prediction_record(study, Patient())))
    assert list(line) == [
        *("image", "probabilities", "box", "frame", "lesions", "range", "ood_score", "warnings")
    ]
    assert line["image"] == "a.jpg"
    for code, (low, high) in line["range"].items():
        assert low <= line["probabilities"][code] <= high
