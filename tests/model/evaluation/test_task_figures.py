"""Figures for any task: worked by hand on a few images."""

import numpy as np
import pandas as pd
import pytest

from model.evaluation.intervals import LesionBootstrap
from model.evaluation.outcome import FIGURES, majority_predictions, task_figures
from model.tasks import TASKS

TABLE = pd.DataFrame({"diagnosis": ["MEL", "MEL", "NV", "NV", "NV", "BCC"]})
BOOTSTRAP = LesionBootstrap(list("aabcde"), draws=20)


def sample_figures(task, answers):
    probabilities = np.eye(len(TASKS[task].classes))[answers]
    drawn = task_figures(TASKS[task], TABLE, probabilities, BOOTSTRAP)
    assert all(len(draws) == 21 for draws in drawn.values())
    return {key: float(draws[0]) for key, draws in drawn.items()}


def test_figures_of_a_two_class_task():
    found = sample_figures("melanoma", [1, 0, 0, 0, 1, 0])  # OTHER 0, MEL 1
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert found["melanoma_sensitivity"] == pytest.approx(1 / 2)
    assert found["melanoma_specificity"] == pytest.approx(3 / 4)
    assert found["macro_auc"] == pytest.approx(5 / 8)  # half of ties


def test_of_malignant_or_not_a_found_carcinoma_is_no_false_alarm():
    found = sample_figures("malignant", [1, 0, 0, 0, 1, 1])  # BENIGN 0, MALIGNANT 1
    assert found["melanoma_sensitivity"] == pytest.approx(1 / 2)
    assert found["melanoma_specificity"] == pytest.approx(2 / 3)


def test_classes_without_images_do_not_lower_the_mean():
    codes = list(TASKS["ham10000"].classes)
    answers = [codes.index(code) for code in TABLE["diagnosis"]]
    assert sample_figures("ham10000", answers) == dict.fromkeys(FIGURES, 1.0)


def test_the_majority_is_that_of_the_training_part():
    learned = pd.DataFrame({"diagnosis": ["BCC", "BCC", "NV"]})
    answers = majority_predictions(TASKS["ham10000"], learned, 2)
    assert [list(TASKS["ham10000"].classes)[n] for n in answers.argmax(axis=1)] == ["BCC", "BCC"]
