import numpy as np
import pytest

from model.errors import BundleError
from model.evaluation.metrics import roc_auc
from model.inference.ood import UnknownDetector, unknown_scores


def clusters(count, *, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    centres = np.eye(6)[:3] * 8
    return centres[labels] + rng.normal(0, [1, 1, 1, 3, 0.2, 1], (count, 6)) + shift, labels


DETECTOR = UnknownDetector.fit(*clusters(900, seed=0), classes=3)


def auc(unlike, known):
    return float(roc_auc(np.arange(len(unlike) + len(known)) < len(unlike), np.r_[unlike, known]))


def test_mahalanobis_measures_in_units_of_the_spread():
    point = np.eye(6)[:1] * 8 + np.array([0, 0, 0, 6.0, 0, 0])  # two deviations off class 0
    assert DETECTOR.mahalanobis(point)[0] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("method", ["mahalanobis", "knn"])
def test_points_off_all_clusters_are_told_from_new_points_of_the_clusters(method):
    known, _ = clusters(300, seed=1)
    unlike, _ = clusters(300, seed=2, shift=np.array([0, 0, 0, 0, 4.0, 0]))
    score = getattr(DETECTOR, method)
    assert auc(score(unlike), score(known)) > 0.95
    again, _ = clusters(300, seed=3)
    assert auc(score(again), score(known)) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("method", ["mahalanobis", "knn"])
def test_a_class_that_the_detector_forgets_stands_out(method):
    points, labels = clusters(300, seed=4)
    score = getattr(DETECTOR.without(1), method)(points)
    assert auc(score[labels == 1], score[labels != 1]) > 0.99


def test_a_class_without_a_training_image_does_no_harm():
    points, labels = clusters(200, seed=5)
    detector = UnknownDetector.fit(points[labels < 2], labels[labels < 2], classes=3)
    assert np.isfinite(detector.mahalanobis(points)).all()


def test_softmax_and_energy_scores_of_a_worked_example():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [7.0, 2.0, 1.0]]))
    inside = {"embeddings": np.zeros((2, 6)), "logits": logits}
    found = unknown_scores(DETECTOR, **inside, probabilities=np.array([[0.7, 0.2, 0.1]] * 2))
    assert found["max_softmax"] == pytest.approx([0.3, 0.3])
    assert found["energy"] == pytest.approx([0, -np.log(10)])


def test_a_saved_detector_gives_the_same_scores(tmp_path):
    points, _ = clusters(50, seed=6)
    DETECTOR.save(tmp_path / "unknown.npz")
    loaded = UnknownDetector.load(tmp_path / "unknown.npz")
    assert (loaded.mahalanobis(points) == DETECTOR.mahalanobis(points)).all()
    assert (loaded.knn(points) == DETECTOR.knn(points)).all()


@pytest.mark.parametrize("content", [None, b"", b"PK nonsense"])
def test_a_missing_or_damaged_file_is_a_bundle_error(tmp_path, content):
    path = tmp_path / "unknown.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match=r"unknown\.npz cannot be read"):
        UnknownDetector.load(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "unknown.npz"
    np.savez(path, centre=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError):
        UnknownDetector.load(path)
