import numpy as np
import pytest

from model.inference.conformal import fit_set_thresholds, prediction_sets


def simulated(count, seed):
    """Classes of very different frequency, as in the real data."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, count, p=[0.1, 0.6, 0.25, 0.05])
    logits = rng.normal(0, 1, (count, 4)) + 1.5 * np.eye(4)[labels] + [0, 1.5, 0.5, -0.5]
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize(("images", "missed"), [(9, 1), (18, 1), (19, 2), (99, 10), (8, 0)])
def test_the_threshold_is_the_score_that_so_many_images_may_miss(images, missed):
    # floor((images + 1) x 0.1) of the class's images stay below or at the threshold.
    scores = np.arange(1, images + 1) / (images + 1)
    probabilities = np.stack([scores, 1 - scores], axis=1)
    thresholds = fit_set_thresholds(probabilities, np.zeros(images, int))
    assert thresholds[0] == pytest.approx(missed / (images + 1))
    assert thresholds[1] == 0


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_every_class_is_covered_as_stated_on_new_images(coverage):
    thresholds = fit_set_thresholds(*simulated(20_000, seed=1), coverage=coverage)
    probabilities, labels = simulated(40_000, seed=2)
    reached = (probabilities >= thresholds)[np.arange(len(labels)), labels]
    covered = prediction_sets(probabilities, thresholds)[np.arange(len(labels)), labels]
    for number in range(4):
        assert reached[labels == number].mean() == pytest.approx(coverage, abs=0.025)
        assert covered[labels == number].mean() > coverage - 0.025


def test_coverage_on_average_over_small_validation_parts_is_not_below_the_stated_one():
    probabilities, labels = simulated(20_000, seed=3)
    shares = []
    for seed in range(200):
        thresholds = fit_set_thresholds(*simulated(400, seed=1_000 + seed))
        shares.append((probabilities[labels == 3, 3] >= thresholds[3]).mean())
    assert np.mean(shares) > 0.895


def test_a_class_with_too_few_images_is_in_every_set():
    probabilities, labels = simulated(200, seed=4)
    kept = (labels != 3) | (np.cumsum(labels == 3) <= 8)
    thresholds = fit_set_thresholds(probabilities[kept], labels[kept])
    assert thresholds[3] == 0
    assert prediction_sets(probabilities, thresholds)[:, 3].all()


def test_no_set_is_empty():
    sets = prediction_sets(np.array([[0.4, 0.35, 0.25]]), [0.9, 0.9, 0.9])
    assert sets.tolist() == [[True, False, False]]
