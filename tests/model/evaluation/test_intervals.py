import numpy as np
import pytest

from model.evaluation.intervals import LesionBootstrap, centred, interval, two_sided_p
from model.evaluation.metrics import roc_auc


def test_the_first_row_is_the_sample_itself():
    bootstrap = LesionBootstrap(["a", "a", "b"], draws=10)
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert bootstrap.sums(values)[0].tolist() == [9, 12]
    assert bootstrap.sums(values).shape == (11, 2)


def test_images_of_one_lesion_are_drawn_together():
    bootstrap = LesionBootstrap(["a", "b", "a", "c"], draws=200)
    sums = bootstrap.sums(np.eye(4))
    assert (sums[:, 0] == sums[:, 2]).all()
    assert (sums[1:, 0] != sums[1:, 1]).any()


def test_every_draw_has_as_many_lesions_as_the_sample():
    bootstrap = LesionBootstrap([str(n) for n in range(30)], draws=50)
    assert (bootstrap.sums(np.ones(30)) == 30).all()


def test_the_interval_of_a_mean_agrees_with_theory():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 2_000)
    bootstrap = LesionBootstrap(np.arange(2_000).astype(str))
    found = interval(bootstrap.sums(values) / bootstrap.sums(np.ones(2_000)))
    half = 1.96 * values.std() / np.sqrt(2_000)
    assert found["low"] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found["high"] == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_lesions_with_many_images_widen_the_interval():
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 200), 5)
    alone = LesionBootstrap(np.arange(1_000).astype(str)).sums(values) / 1_000
    images = LesionBootstrap(np.repeat(np.arange(200), 5).astype(str))
    together = images.sums(values) / 1_000
    narrow, wide = interval(alone), interval(together)
    assert wide["high"] - wide["low"] > 1.8 * (narrow["high"] - narrow["low"])


def test_weights_of_selected_rows_reach_the_figure():
    lesions = [str(n // 2) for n in range(40)]
    rows = np.arange(40) < 30
    truth, scores = np.arange(30) % 3 == 0, np.random.default_rng(2).random(30)
    bootstrap = LesionBootstrap(lesions, draws=300)
    found = bootstrap.of_weights(lambda weights: roc_auc(truth, scores, weights), rows)
    assert found.shape == (301,)
    assert found[0] == pytest.approx(float(roc_auc(truth, scores)))
    values = np.where(rows, np.arange(40.0), 0.0)
    weighed = bootstrap.of_weights(lambda weights: weights @ np.arange(30.0), rows)
    assert weighed == pytest.approx(bootstrap.sums(values))


def test_draws_in_which_a_figure_is_not_known_are_left_out():
    found = interval(np.array([0.5, np.nan, 0.4, 0.6]))
    assert found["value"] == 0.5
    assert 0.4 <= found["low"] <= found["high"] <= 0.6


def test_an_unknown_figure_has_no_interval():
    assert interval(np.array([np.nan, 0.1])) == {"value": None, "low": None, "high": None}


def test_centred_draws_spread_around_the_samples_figure():
    moved = centred(np.array([0.10, 0.20, 0.30, 0.40]))
    assert moved[0] == 0.10
    assert moved[1:].tolist() == pytest.approx([0.0, 0.10, 0.20])


def test_a_clear_difference_has_a_small_p_and_none_a_large_one():
    rng = np.random.default_rng(4)
    assert two_sided_p(np.r_[1.0, rng.normal(1, 0.1, 999)]) == pytest.approx(0.002)
    assert two_sided_p(np.r_[0.0, rng.normal(0, 0.1, 999)]) > 0.8
