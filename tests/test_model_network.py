"""The dual-branch network and its parts, at toy size."""

import keras
import numpy as np
import pytest

from model.backbones import BACKBONES, build_backbone
from model.balanced_accuracy import BalancedAccuracy
from model.errors import ConfigError
from model.network import build_network

SIDE, WIDTH, CLASSES = 32, 14, 8


@pytest.fixture(scope="module", params=BACKBONES)
def network(request):
    keras.utils.set_random_seed(0)
    backbone = build_backbone(request.param, side=SIDE, weights="none", batchnorm_momentum=0.9)
    return build_network(backbone, patient_width=WIDTH, classes=CLASSES)


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    brightest = np.array([64, 128, 192, 256])[:, None, None, None]
    image = rng.integers(0, brightest, (4, SIDE, SIDE, 3)).astype(np.uint8)
    return {"image": image, "patient": rng.random((4, WIDTH), np.float32)}


def test_outputs_are_probabilities(network, inputs):
    answer = network.predict_on_batch(inputs)
    assert answer.shape == (4, CLASSES)
    assert answer.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_saved_and_loaded_in_safe_mode_it_answers_the_same(network, inputs, tmp_path):
    network.save(tmp_path / "n.keras")
    loaded = keras.models.load_model(tmp_path / "n.keras", compile=False, safe_mode=True)
    expected = network.predict_on_batch(inputs)
    np.testing.assert_allclose(loaded.predict_on_batch(inputs), expected, atol=1e-6)


def test_both_branches_reach_the_output(inputs):
    # An untrained MobileNet lets almost nothing through, so a single convolution stands for it.
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    backbone = keras.Model(image, keras.layers.Conv2D(4, 3, activation="relu")(image))
    network = build_network(backbone, patient_width=WIDTH, classes=CLASSES)
    before = network.predict_on_batch(inputs)
    for branch in ("image", "patient"):
        shuffled = {**inputs, branch: inputs[branch][::-1]}
        assert np.abs(network.predict_on_batch(shuffled) - before).max() > 1e-3, branch


def test_batchnorm_momentum_is_set_throughout(network):
    backbone = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert norms
    assert {x.momentum for x in norms} == {0.9}


def test_an_unknown_backbone_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="mobilenet_v2"):
        build_backbone("resnet", side=SIDE, weights="none", batchnorm_momentum=0.9)


def test_missing_or_foreign_weights_are_refused(tmp_path):
    arguments = {"side": SIDE, "batchnorm_momentum": 0.9}
    with pytest.raises(ConfigError, match="do not exist"):
        build_backbone("mobilenet_v2", weights=str(tmp_path / "no.weights.h5"), **arguments)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    path = tmp_path / "other.weights.h5"
    other.save_weights(path)
    with pytest.raises(ConfigError, match="does not fit"):
        build_backbone("mobilenet_v2", weights=str(path), **arguments)


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_seen():
    metric = BalancedAccuracy(3)
    truth = np.eye(3)[[0, 0, 0, 0, 1]]
    scores = np.eye(3)[[0, 0, 0, 1, 1]]
    metric.update_state(truth[:2], scores[:2])
    metric.update_state(truth[2:], scores[2:])
    assert float(metric.result()) == pytest.approx((3 / 4 + 1) / 2)
