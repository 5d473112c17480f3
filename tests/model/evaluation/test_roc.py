"""ROC curves at a few places."""

import numpy as np
import pytest

from model.evaluation.metrics import roc_curves

PROBABILITIES = np.array([0.9, 0.8, 0.8, 0.4, 0.2])
LABELS = np.array([0, 1, 0, 1, 0])
BOTH = np.stack([PROBABILITIES, 1 - PROBABILITIES], axis=1)


def test_a_place_gets_the_highest_sensitivity_of_a_threshold_within_its_rate():
    found = roc_curves(BOTH, LABELS, ["A", "B"])
    rates, sensitivity = (
        np.array(x) for x in (found["false_positive_rate"], found["sensitivity"]["A"])
    )
    assert sensitivity[0] == pytest.approx(1 / 3, abs=1e-4)  # 0.9 alone
    # The equal scores of 0.8 come together: one more hit with the first of two false alarms.
    assert sensitivity[rates < 0.5].max() == pytest.approx(1 / 3, abs=1e-4)
    assert sensitivity[rates >= 0.5].min() == pytest.approx(2 / 3, abs=1e-4)
    assert sensitivity[-1] == 1
    assert len(rates) == len(sensitivity) == 51


def test_a_class_without_images_has_no_curve():
    assert list(roc_curves(BOTH, np.zeros(5, int), ["A", "B"])["sensitivity"]) == []
