import keras
import numpy as np
import pytest
from PIL import Image

from model.data.split import Split
from model.diagnosis import DIAGNOSIS_NAMES
from model.evaluation.evaluate import outcome_of
from model.evaluation.explanation_check import (
    blurred_where,
    centre_blob,
    check_explanations,
    mass_inside,
    most_marked,
)
from model.image import ImagePreprocessor
from model.inference.bundle import Manifest
from model.inference.grad_cam import enlarge, overlay
from model.inference.keras_backend import KerasBackend
from model.inference.predictor import Predictor
from model.networks.network import build_network
from model.patient import Patient, PatientEncoder

SIDE = 32


@pytest.fixture(scope="module")
def bright_spotter():
    """A network whose one feature is brightness and whose first logit is its mean."""
    encoder = PatientEncoder.fit([Patient(age=40.0)])
    image = keras.Input((SIDE, SIDE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    pooled = keras.layers.AveragePooling2D(4)(scaled)
    feature = keras.layers.Conv2D(1, 1, use_bias=False, name="brightness")
    backbone = keras.Model(image, feature(pooled), name="toy")
    feature.set_weights([np.ones((1, 1, 3, 1)) / 3])
    network = build_network(
        backbone, patient_width=encoder.width, classes=8, patient_units=1, fused_units=1
    )
    fused = np.zeros((2, 1), np.float32)
    fused[0] = 1.0
    network.get_layer("fused").set_weights([fused, np.array([5.0])])
    network.get_layer("logits").set_weights([np.eye(1, 8) - np.eye(1, 8, 1), np.zeros(8)])
    manifest = Manifest(
        name="toy",
        classes=DIAGNOSIS_NAMES,
        image=ImagePreprocessor(SIDE),
        patient=encoder,
        temperature=1.0,
        split=Split((), (), (), "none", 0),
        training={},
        data={},
    )
    return Predictor(KerasBackend(network), manifest)


def spotted():
    """A grey image (0 to the network) with a bright square at the upper left."""
    image = np.full((1, SIDE, SIDE, 3), 128, np.uint8)
    image[:, 4:12, 4:12] = 255
    return image


def test_the_map_is_high_where_the_class_finds_its_evidence(bright_spotter):
    map_ = bright_spotter.grad_cam(spotted(), [Patient()], np.array([0]))[0]
    assert map_.shape == (8, 8)
    assert map_[1:3, 1:3] == pytest.approx(1.0)
    assert map_[4:, 4:].max() < 0.01


def test_what_speaks_against_a_class_is_not_marked(bright_spotter):
    map_ = bright_spotter.grad_cam(spotted(), [Patient()], np.array([1]))[0]
    assert map_.max() == 0


def test_many_images_are_explained_in_their_order(bright_spotter):
    images = np.concatenate([spotted(), spotted()[:, :, ::-1]] * 40)
    maps = bright_spotter.grad_cam(images, [Patient()] * 80, np.zeros(80, int))
    assert maps[0::2] == pytest.approx(maps[1::2, :, ::-1])


def test_a_map_is_enlarged_to_any_size_and_laid_over_its_photograph():
    map_ = np.eye(4, dtype=np.float32)
    large = enlarge(map_, (60, 40))
    assert large.shape == (40, 60)
    assert 0 <= large.min() <= large.max() <= 1
    laid = np.asarray(overlay(Image.new("RGB", (60, 40), "white"), np.eye(1, dtype=np.float32)))
    assert laid.shape == (40, 60, 3)
    assert laid[0, 0, 0] < laid[0, 0, 2]  # turned blue


def test_the_marked_fifth_has_the_same_size_for_every_map():
    maps = np.stack([np.zeros((10, 10)), np.arange(100.0).reshape(10, 10)])
    marked = most_marked(maps)
    assert marked.sum(axis=(1, 2)).tolist() == [20, 20]
    assert marked[1, 8:].all()


def test_blurring_touches_the_marked_place_only():
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    places = np.zeros((2, 16, 16), bool)
    places[0, :4] = True
    changed = blurred_where(images, places)
    assert (changed[1] == images[1]).all()
    assert (changed[0, 4:] == images[0, 4:]).all()
    assert changed[0, :4].std() < images[0, :4].std() / 2


def test_mass_inside_of_a_worked_example():
    mask = np.array([[True, False], [False, False]])
    assert mass_inside(np.array([[3.0, 1], [0, 0]]), mask) == 0.75
    assert np.isnan(mass_inside(np.zeros((2, 2)), mask))
    assert centre_blob(9).argmax() == 40


def test_a_map_that_points_at_the_evidence_passes_both_checks(bright_spotter, tmp_path):
    from tests.fakes.outcomes import manifest, noisy, table

    count, rng = 24, np.random.default_rng(1)
    rows = table(np.zeros(count, int))
    images = np.full((count, SIDE, SIDE, 3), 128, np.uint8)
    paths = []
    for number in range(count):
        x, y = 4 * rng.integers(0, 6, 2)
        images[number, y : y + 8, x : x + 8] = 255
        mask = (images[number, :, :, 0] == 255).astype(np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / f"{rows['image'][number]}.png")
        paths.append(tmp_path / f"{number}.bmp")
        Image.fromarray(images[number]).save(paths[-1])
    rows["path"] = paths
    probabilities = bright_spotter.predict_images(images, [Patient()] * count)
    outcome = outcome_of(rows, probabilities, manifest(noisy(), np.arange(400) % 8), draws=100)
    found = check_explanations(bright_spotter, outcome, images, [tmp_path])
    assert found["on_lesion"]["images"] == count
    assert found["on_lesion"]["map_minus_blob"]["low"] > 0.2
    assert found["deletion"]["minus_elsewhere"]["low"] > 0
    without = check_explanations(bright_spotter, outcome, images, [tmp_path / "none"])
    assert without["on_lesion"] is None
