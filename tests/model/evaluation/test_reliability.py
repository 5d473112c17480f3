import numpy as np
import pytest

from model.evaluation.intervals import LesionBootstrap
from model.evaluation.metrics import (
    calibration_error,
    equal_mass_edges,
    equal_width_edges,
    reliability,
    reliability_bins,
)
from model.inference.calibration import apply_temperature, fit_temperature


def simulated(count, *, temperature=1.0, seed=0):
    """Probabilities that are right as often as they say, then made over- or under-confident."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(5) * 0.5, count)
    labels = (honest.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return apply_temperature(honest, 1 / temperature), labels


def lesions(count):
    return LesionBootstrap(np.arange(count).astype(str), draws=100)


def test_ece_of_a_worked_example():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, True])
    edges = np.array([0.7])
    # Half of the images at 0.95 with 0.5 right, half at 0.55 with 1.0 right.
    found = calibration_error(confidence, right, edges, lesions(4))
    assert found[0] == pytest.approx(0.5 * 0.45 + 0.5 * 0.45)


def test_honest_probabilities_have_nearly_no_error_and_sharpened_ones_do():
    honest, labels = simulated(20_000)
    sharp, _ = simulated(20_000, temperature=3.0)
    calm = reliability(honest, labels, lesions(20_000))
    loud = reliability(sharp, labels, lesions(20_000))
    for name in ("ece", "ece_equal_width", "classwise_ece"):
        assert calm[name]["value"] < 0.02 < loud[name]["value"]
    assert loud["ece"]["value"] > 0.1
    assert calm["brier"]["value"] < loud["brier"]["value"]
    assert calm["nll"]["value"] < loud["nll"]["value"]


def test_a_temperature_of_two_takes_the_square_root_of_the_odds():
    softened = apply_temperature(np.array([[0.8, 0.2]]), 2.0)
    np.testing.assert_allclose(softened, [[2 / 3, 1 / 3]])


def test_temperature_scaling_finds_the_temperature_and_removes_the_error():
    sharp, labels = simulated(20_000, temperature=2.0)
    temperature = fit_temperature(sharp, labels)
    assert temperature == pytest.approx(2.0, rel=0.03)
    calm = reliability(apply_temperature(sharp, temperature), labels, lesions(20_000))
    assert calm["ece"]["value"] < 0.02


def test_perfect_answers_have_no_error_at_all():
    labels = np.arange(50) % 5
    found = reliability(np.eye(5)[labels], labels, lesions(50))
    assert all(figure["value"] == pytest.approx(0, abs=1e-12) for figure in found.values())


def test_brier_and_nll_of_a_worked_example():
    found = reliability(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0]), lesions(2))
    assert found["brier"]["value"] == pytest.approx((0.08 + 0.72) / 2)
    assert found["nll"]["value"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)


def test_bins_of_equal_mass_hold_as_many_images_and_bins_of_equal_width_do_not():
    confidence = np.linspace(0, 1, 1_500) ** 4
    right = np.ones(1_500, bool)
    mass = reliability_bins(confidence, right, equal_mass_edges(confidence))
    width = reliability_bins(confidence, right, equal_width_edges(confidence))
    assert {row["images"] for row in mass} == {100}
    assert width[0]["images"] > 5 * width[-1]["images"]


def test_a_constant_confidence_falls_into_one_bin():
    confidence = np.full(30, 0.4)
    bins = reliability_bins(confidence, np.arange(30) < 12, equal_mass_edges(confidence))
    assert bins == [{"images": 30, "confidence": pytest.approx(0.4), "accuracy": 0.4}]
