import numpy as np
import pytest

from model.inference.calibration import (
    fit_operating_points,
    point_name,
    question_scores,
    question_truth,
    threshold_at_sensitivity,
    threshold_at_specificity,
)
from model.tasks import TASKS, custom_task

FIVE = custom_task(
    dict.fromkeys(("MEL", "NV", "BCC", "AK", "SCC"), ""), malignant=("MEL", "BCC", "SCC")
)


def test_thresholds_of_a_worked_example():
    scores = np.arange(1, 11) / 10
    assert threshold_at_sensitivity(scores, 0.8) == pytest.approx(0.3)
    assert 0.8 < threshold_at_specificity(scores, 0.8) < 0.8 + 1e-12


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_thresholds_hold_what_they_promise_on_their_own_images(level):
    rng = np.random.default_rng(0)
    yes, no = rng.beta(3, 2, 137).round(2), rng.beta(2, 3, 911).round(2)
    sensitive = threshold_at_sensitivity(yes, level)
    specific = threshold_at_specificity(no, level)
    assert (yes >= sensitive).mean() >= level > (yes > sensitive).mean()
    assert (no < specific).mean() >= level > (no < no[no < specific].max()).mean()


def test_malignant_sums_melanoma_and_the_carcinomas_but_not_the_precursor():
    row = np.array([[0.1, 0.2, 0.3, 0.15, 0.25]])
    assert question_scores(row, FIVE, "malignant") == pytest.approx([0.65])
    assert question_truth(np.arange(5), FIVE, "malignant").tolist() == [1, 0, 1, 0, 1]


def test_every_question_gets_six_thresholds():
    rng = np.random.default_rng(1)
    points = fit_operating_points(rng.dirichlet(np.ones(5), 200), rng.integers(5, size=200), FIVE)
    assert set(points) == {"melanoma", "malignant"}
    assert len(points["melanoma"]) == 6
    assert point_name("specificity", 0.9) in points["malignant"]


def test_a_question_without_a_yes_is_left_out():
    rng = np.random.default_rng(2)
    labels = rng.integers(1, 5, size=200)
    assert set(fit_operating_points(rng.dirichlet(np.ones(5), 200), labels, FIVE)) == {"malignant"}


@pytest.mark.parametrize(
    ("task", "questions"),
    [
        (TASKS["isic2019"], {"melanoma", "malignant"}),
        (TASKS["ham10000"], {"melanoma", "malignant"}),
        (TASKS["melanoma"], {"melanoma"}),
        (TASKS["malignant"], {"malignant"}),
        (custom_task({"mole": "", "wart": ""}), set()),
        (custom_task({"mole": "", "wart": ""}, malignant=["wart"]), {"malignant"}),
    ],
)
def test_a_task_is_asked_what_it_can_answer(task, questions):
    rng, count = np.random.default_rng(0), len(task.classes)
    rows, labels = rng.dirichlet(np.ones(count), 50), np.arange(50) % count
    assert set(fit_operating_points(rows, labels, task)) == questions
