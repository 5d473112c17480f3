import numpy as np
import pytest

from model.errors import BundleError
from model.evaluation.metrics import roc_auc
from model.inference.backend import ModelOutputs
from model.inference.ood import (
    ExampleDetector,
    OODDetector,
    fit_closeup_detector,
    ood_scores,
)


def clusters(count, *, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    centres = np.eye(6)[:3] * 8
    return centres[labels] + rng.normal(0, [1, 1, 1, 3, 0.2, 1], (count, 6)) + shift, labels


DETECTOR = OODDetector.fit(*clusters(900, seed=0), classes=3)


def auc(ood, known):
    return float(roc_auc(np.arange(len(ood) + len(known)) < len(ood), np.r_[ood, known]))


def test_mahalanobis_measures_in_units_of_the_spread():
    point = np.eye(6)[:1] * 8 + np.array([0, 0, 0, 6.0, 0, 0])  # two deviations off class 0
    assert DETECTOR.mahalanobis(point)[0] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("method", ["mahalanobis", "knn"])
def test_points_off_all_clusters_are_told_from_new_points_of_the_clusters(method):
    known, _ = clusters(300, seed=1)
    ood, _ = clusters(300, seed=2, shift=np.array([0, 0, 0, 0, 4.0, 0]))
    score = getattr(DETECTOR, method)
    assert auc(score(ood), score(known)) > 0.95
    again, _ = clusters(300, seed=3)
    assert auc(score(again), score(known)) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("method", ["mahalanobis", "knn"])
def test_a_class_that_the_detector_forgets_stands_out(method):
    points, labels = clusters(300, seed=4)
    score = getattr(DETECTOR.without(1), method)(points)
    assert auc(score[labels == 1], score[labels != 1]) > 0.99


def test_a_class_without_a_training_image_does_no_harm():
    points, labels = clusters(200, seed=5)
    detector = OODDetector.fit(points[labels < 2], labels[labels < 2], classes=3)
    assert np.isfinite(detector.mahalanobis(points)).all()


def test_softmax_and_energy_scores_of_a_worked_example():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [7.0, 2.0, 1.0]]))
    probabilities = np.array([[0.7, 0.2, 0.1]] * 2)
    found = ood_scores(DETECTOR, ModelOutputs(probabilities, np.zeros((2, 6)), logits))
    assert found["max_softmax"] == pytest.approx([0.3, 0.3])
    assert found["energy"] == pytest.approx([0, -np.log(10)])


def test_a_saved_detector_gives_the_same_scores(tmp_path):
    points, _ = clusters(50, seed=6)
    DETECTOR.save(tmp_path / "ood.npz")
    loaded = OODDetector.load(tmp_path / "ood.npz")
    assert (loaded.mahalanobis(points) == DETECTOR.mahalanobis(points)).all()
    assert (loaded.knn(points) == DETECTOR.knn(points)).all()


@pytest.mark.parametrize("content", [None, b"", b"PK nonsense"])
def test_a_missing_or_damaged_file_is_a_bundle_error(tmp_path, content):
    path = tmp_path / "ood.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match=r"ood\.npz cannot be read"):
        OODDetector.load(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "ood.npz"
    np.savez(path, centre=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError):
        OODDetector.load(path)


RNG = np.random.default_rng(0)


def embeddings(count, shift=0.0):
    return (RNG.normal(size=(count, 40)) + shift * np.eye(40)[3]).astype(np.float32)


@pytest.fixture(scope="module")
def closeups():
    sources = ["a"] * 300 + ["b"] * 300
    held_out = np.concatenate([embeddings(300), embeddings(300, 1.0)])
    return fit_closeup_detector(
        embeddings(150, 6.0), embeddings(600), held_out=held_out, sources=sources
    )


def test_close_ups_score_above_one_and_dermoscopic_photographs_below(closeups):
    assert (closeups.score(embeddings(200, 6.0)) > 1).mean() > 0.95
    assert (closeups.score(embeddings(500)) > 1).mean() < 0.03


def test_of_no_source_more_than_the_stated_share_is_flagged(closeups):
    # Source b lies nearer to the close-ups; the limit is its.
    assert (closeups.score(embeddings(2_000, 1.0)) > 1).mean() == pytest.approx(0.03, abs=0.02)


def test_what_cannot_be_told_apart_is_hardly_ever_flagged():
    same = fit_closeup_detector(
        embeddings(50), embeddings(50), held_out=embeddings(400), sources=["a"] * 400
    )
    assert (same.score(embeddings(500)) > 1).mean() < 0.08


def test_it_is_kept_in_a_file(closeups, tmp_path):
    closeups.save(tmp_path / "closeups.npz")
    again = ExampleDetector.load(tmp_path / "closeups.npz")
    rows = embeddings(5)
    assert np.allclose(again.score(rows), closeups.score(rows))


def test_square_roots_tell_small_activations_apart_that_large_ones_drown():
    rng = np.random.default_rng(0)
    activations = rng.gamma(0.1, 1, (900, 20))  # mostly small, seldom large
    examples = rng.gamma(0.1, 1, (300, 20)) + 0.01
    detectors = [
        ExampleDetector.fit(examples[:200], activations[:600], penalty=1.0, exponent=exponent)
        for exponent in (1.0, 0.5)
    ]
    straight, rooted = (
        (d.score(examples[200:])[:, None] > d.score(activations[600:])).mean() for d in detectors
    )
    assert rooted > straight + 0.1


def test_a_file_of_an_earlier_version_has_no_exponent(tmp_path):
    arrays = {"centre": np.zeros(6), "weights": np.ones(6), "offset": np.float32(0)}
    np.savez(tmp_path / "closeups.npz", **arrays)
    detector = ExampleDetector.load(tmp_path / "closeups.npz")
    assert detector.score(np.array([[-4.0, 0, 0, 0, 0, 9]])).tolist() == [5.0]


def test_other_lesions_are_flagged_beside_what_is_far_from_training(tmp_path):
    known, labels = embeddings(600), np.repeat([0, 1], 300)
    detector = OODDetector.fit(known, labels, classes=2)
    held_out = embeddings(400)
    learned = detector.with_examples(embeddings(40, 4.0), known, held_out)
    by_both = (
        learned.mahalanobis(held_out) > learned.limit,
        learned.other_lesions.score(held_out) > 1,
    )
    assert 0.04 <= (by_both[0] | by_both[1]).mean() <= 0.05
    assert by_both[0].sum() == pytest.approx(by_both[1].sum(), abs=1)
    threshold = np.quantile(learned.combined(embeddings(2_000)), 0.95)
    others, far = embeddings(300, 4.0), 6 * embeddings(300)
    assert (learned.combined(others) > threshold).mean() > 0.8
    assert (learned.combined(far) > threshold).mean() > 0.95
    assert (detector.mahalanobis(others) / learned.limit > threshold).mean() < 0.6
    learned.save(tmp_path / "ood.npz")
    loaded = OODDetector.load(tmp_path / "ood.npz")
    np.testing.assert_allclose(loaded.combined(others), learned.combined(others), rtol=1e-5)
