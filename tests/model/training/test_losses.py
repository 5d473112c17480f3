"""The losses, against their formulas worked out with NumPy."""

import keras
import numpy as np
import pytest

from model.training.losses import ConsistencyPenalty, Distilled, loss_of
from model.training.settings import TrainConfig

LABELS = np.eye(3, dtype=np.float32)[[0, 2]]
ANSWERS = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)


def value(loss, labels, answers=ANSWERS):
    return keras.ops.convert_to_numpy(loss.call(labels, answers))


def named(name, **settings):
    settings = {"label_smoothing": 0.0, "balance": "none"} | settings
    return loss_of(TrainConfig(loss=name, **settings))


def test_cross_entropy_is_the_negative_log_probability():
    assert value(named("cross_entropy"), LABELS) == pytest.approx(-np.log([0.7, 0.4]), abs=1e-5)


def test_focal_counts_easy_images_less():
    expected = [-(0.3**2) * np.log(0.7), -(0.6**2) * np.log(0.4)]
    assert value(named("focal", focal_gamma=2.0), LABELS) == pytest.approx(expected, abs=1e-5)


def test_views_that_differ_cost_in_training_alone():
    penalty = ConsistencyPenalty(2.0)
    views = keras.ops.array([[0.8, 0.2], [0.5, 0.5], [0.6, 0.4], [0.5, 0.5]])
    assert np.allclose(penalty(views, training=True), views)
    divergence = (0.8 - 0.6) * np.log(0.8 / 0.6) + (0.2 - 0.4) * np.log(0.2 / 0.4)
    assert float(penalty.losses[0]) == pytest.approx(2 * (divergence / 2) / 2, rel=1e-4)
    penalty = ConsistencyPenalty(2.0)
    penalty(views, training=False)
    assert penalty.losses == []


def test_distilled_joins_labels_and_softened_teachers():
    teachers = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]], np.float32)
    loss = Distilled(named("cross_entropy"), classes=3, weight=0.25, temperature=2.0)

    def soft(rows):
        rows = rows**0.5
        return rows / rows.sum(axis=1, keepdims=True)

    of_teachers = -(soft(teachers) * np.log(soft(ANSWERS))).sum(axis=1)
    expected = 0.75 * -np.log([0.7, 0.4]) + 0.25 * 4 * of_teachers
    both = np.concatenate([LABELS, teachers], axis=1)
    assert value(loss, both) == pytest.approx(expected, abs=1e-5)
    assert value(loss, LABELS) == pytest.approx(-np.log([0.7, 0.4]), abs=1e-5)
