import numpy as np
import pytest
from sklearn import metrics as oracle

from model.evaluation.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    confusion_matrix,
    f1,
    mean_of_known,
    one_against_rest,
    precision,
    recall,
    roc_auc,
    specificity,
)

# Truth 0, 0, 0, 1, 1, 2 answered 0, 0, 1, 1, 0, 2.
WORKED = confusion_matrix(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 2]), 3)


def test_confusion_matrix_has_the_truth_in_rows():
    assert WORKED.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_class_figures_of_the_worked_example():
    assert recall(WORKED) == pytest.approx([2 / 3, 1 / 2, 1])
    assert precision(WORKED) == pytest.approx([2 / 3, 1 / 2, 1])
    assert specificity(WORKED) == pytest.approx([2 / 3, 3 / 4, 1])
    assert f1(WORKED) == pytest.approx([2 / 3, 1 / 2, 1])
    assert accuracy(WORKED) == pytest.approx(4 / 6)
    assert balanced_accuracy(WORKED) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_a_class_without_an_image_is_not_known_and_left_out_of_the_mean():
    confusion = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert np.isnan(recall(confusion)[2])
    assert np.isnan(f1(confusion)[2])
    assert balanced_accuracy(confusion) == pytest.approx((3 / 4 + 1) / 2)


def test_a_class_that_is_never_predicted_has_no_precision_but_an_f1_of_0():
    confusion = np.array([[3, 0], [2, 0]])
    assert np.isnan(precision(confusion)[1])
    assert f1(confusion)[1] == 0


def test_roc_auc_and_average_precision_of_a_worked_example():
    positive = np.array([True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    assert roc_auc(positive, scores) == pytest.approx(3 / 4)
    assert average_precision(positive, scores) == pytest.approx((1 + 2 / 3) / 2)


def test_tied_scores_count_half():
    assert roc_auc(np.array([True, False]), np.array([0.5, 0.5])) == 0.5


def test_rank_figures_without_one_of_the_sides_are_not_known():
    scores = np.array([0.1, 0.2])
    assert np.isnan(roc_auc(np.array([True, True]), scores))
    assert np.isnan(roc_auc(np.array([False, False]), scores))
    assert np.isnan(average_precision(np.array([False, False]), scores))


@pytest.mark.parametrize("digits", [1, 9])  # with one digit, many scores are equal
def test_all_figures_equal_those_of_scikit_learn(digits):
    rng = np.random.default_rng(digits)
    labels = rng.integers(4, size=300)
    probabilities = rng.dirichlet(np.ones(4), 300).round(digits)
    answers = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, answers, 4)
    expected = oracle.precision_recall_fscore_support(labels, answers)
    assert np.allclose([precision(confusion), recall(confusion), f1(confusion)], expected[:3])
    assert balanced_accuracy(confusion) == pytest.approx(
        oracle.balanced_accuracy_score(labels, answers)
    )
    aucs = one_against_rest(roc_auc, probabilities, labels)
    precisions = one_against_rest(average_precision, probabilities, labels)
    for c in range(4):
        truth = labels == c
        assert aucs[c] == pytest.approx(oracle.roc_auc_score(truth, probabilities[:, c]))
        assert precisions[c] == pytest.approx(
            oracle.average_precision_score(truth, probabilities[:, c])
        )


def test_weighted_rank_figures_equal_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth, scores = rng.random(200) < 0.3, rng.random(200).round(2)
    weights = rng.integers(4, size=(5, 200)).astype(float)
    for row, auc, ap in zip(
        weights,
        roc_auc(truth, scores, weights),
        average_precision(truth, scores, weights),
        strict=True,
    ):
        assert auc == pytest.approx(oracle.roc_auc_score(truth, scores, sample_weight=row))
        assert ap == pytest.approx(oracle.average_precision_score(truth, scores, sample_weight=row))


def test_mean_of_nothing_known_is_not_known():
    assert np.isnan(mean_of_known(np.array([np.nan, np.nan])))
