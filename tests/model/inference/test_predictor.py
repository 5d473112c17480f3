"""The predictor: one answer by every way in, averaged over TTA views where the bundle says so."""

import numpy as np
import pytest

from model.errors import ImageError
from model.inference.keras_backend import KerasBackend
from model.inference.predictor import Predictor
from model.inference.tta import VIEW_COUNTS, tta_views
from model.patient import Patient
from tests.drawings import draw_lesion


@pytest.fixture(scope="module")
def predictor(untrained_bundle):
    return Predictor.load(untrained_bundle)


@pytest.fixture
def paths(tmp_path):
    for kind in range(3):
        draw_lesion(kind, seed=0, size=(200, 150)).save(tmp_path / f"{kind}.png")
    return sorted(tmp_path.iterdir())


def test_one_photograph_or_a_folder_or_an_array_get_the_same_answer(predictor, paths):
    patients = [Patient(age=50.0, sex="male", site="head/neck"), Patient(), Patient(sex="female")]
    prepared = np.stack([predictor.manifest.image.load(path) for path in paths])
    expected = predictor.predict_images(prepared, patients)
    folder = np.stack(list(predictor.predict_files(paths, patients)))
    single = [predictor.predict(*pair) for pair in zip(paths, patients, strict=True)]
    np.testing.assert_allclose(folder, expected, atol=1e-6)
    np.testing.assert_allclose([list(one.values()) for one in single], expected, atol=1e-5)
    assert predictor.predict(paths[0].read_bytes()) == predictor.predict(paths[0])


def test_an_unreadable_file_gets_its_error_in_its_place(predictor, paths, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"x")
    answers = list(predictor.predict_files([paths[0], bad, paths[1]], [Patient()] * 3))
    assert [isinstance(answer, ImageError) for answer in answers] == [False, True, False]


@pytest.mark.parametrize("count", VIEW_COUNTS)
def test_views_are_different_and_begin_with_the_image_itself(count):
    image = np.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3)
    found = list(tta_views(image, count))
    assert np.array_equal(found[0], image)
    assert len(np.unique(np.stack(found).reshape(count, -1), axis=0)) == count


def test_with_eight_views_an_answer_does_not_depend_on_how_the_image_lies(predictor, paths):
    averaging = Predictor(KerasBackend(predictor.backend.network, tta_views=8), predictor.manifest)
    image = predictor.manifest.image.load(paths[0])[None]
    answers = [averaging.predict_images(turned, [Patient()])[0] for turned in tta_views(image, 8)]
    np.testing.assert_allclose(answers, np.broadcast_to(answers[0], (8, 8)), atol=1e-5)


def test_the_outputs_agree_with_the_probabilities(predictor, paths):
    image = predictor.manifest.image.load(paths[0])[None]
    outputs = predictor.outputs(image, [Patient()])
    answer = predictor.predict_images(image, [Patient()])
    np.testing.assert_allclose(outputs.probabilities, answer, atol=1e-6)


@pytest.mark.parametrize(("quiet", "told"), [(0, True), (60, False)])
def test_only_what_takes_long_tells_how_far_it_is(predictor, quiet, told, monkeypatch, capsys):
    monkeypatch.setattr("model.inference.predictor._BATCH", 1)
    monkeypatch.setattr("model.inference.predictor._QUIET", quiet)
    side = predictor.manifest.image.side
    predictor.predict_images(np.zeros((2, side, side, 3), np.uint8), [Patient()] * 2)
    assert ("Predicting" in capsys.readouterr().err) is told


@pytest.mark.parametrize("backend", ["keras", "auto"])
def test_outputs_of_the_image_alone_are_those_of_an_unknown_patient(
    untrained_bundle, paths, backend
):
    predictor = Predictor.load(untrained_bundle, backend=backend)
    images = np.stack([predictor.manifest.image.load(path) for path in paths])
    found = predictor.outputs(images, [Patient(age=80.0, sex="male")] * 3, alone=True)
    expected = predictor.predict_images(images, [Patient()] * 3)
    np.testing.assert_allclose(found.alone, expected, atol=1e-6)
    assert np.abs(found.probabilities - expected).max() > 1e-4
