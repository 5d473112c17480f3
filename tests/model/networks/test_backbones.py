"""Every image network by name: it builds, takes [0, 255], saves, loads and answers the same."""

import keras
import numpy as np
import pytest

from model.errors import ConfigError
from model.networks import backbones
from model.networks.backbone_names import ANY_MOBILENET, SMALLEST_SIDE, check_backbone
from model.networks.backbones import build_backbone
from model.networks.network import build_network
from model.networks.small_cnns import PLAIN_CNNS
from tests.conftest import SHARED
from tests.fakes.shapes_only import shapes_only
from tests.parameters import slow_but

NAMES = [name.replace("ALPHA", "0.25") for name in SMALLEST_SIDE]

PUBLISHED = {
    "mobilenet_0.75": 1_832_976,
    "mobilenet_v2": 2_257_984,
    "resnet50": 23_587_712,
    "vgg16": 14_714_688,
    "efficientnet_b0": 4_049_571,
    "efficientnet_lite0": 3_413_024,
}
"""Numbers of weights."""

SCALED = {
    "cnn_2block": (1, 0.2, 0),
    "mobilenet_0.25": (1, -0.6, -1),
    "mobilenet_v3_small": (1, -0.6, -1),
    "efficientnet_lite0": (1, (51 - 127) / 128, -127 / 128),
    "vgg16": (0 - 103.939, 51 - 116.779, 255 - 123.68),  # blue first
    "densenet121": ((1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225),
}
"""What the first convolution gets to see of the colour (255, 51, 0)."""


def build(name, weights="none"):
    side = SMALLEST_SIDE.get(name, 32)
    return build_backbone(name, side=side, weights=weights)


@pytest.fixture(scope="module")
def bare():
    """Backbones whose weights have no values."""
    with shapes_only():
        return {name: build(name) for name in SCALED}


def answer(network, inputs):
    """Layer by layer: to trace a large network takes longer than one answer."""
    return keras.ops.convert_to_numpy(network(inputs, training=False))


def inputs_of(backbone):
    image = np.random.default_rng(0).integers(0, 256, (2, *backbone.input_shape[1:]))
    return {"image": image.astype(np.uint8), "patient": np.ones((2, 14), np.float32)}


@pytest.mark.parametrize("name", slow_but(["cnn_2block", "mobilenet_0.25"], NAMES))
def test_it_builds_saves_loads_and_predicts_equal(name, tmp_path):
    keras.utils.set_random_seed(0)
    backbone = build(name)
    assert backbone.count_params() == PUBLISHED.get(name, backbone.count_params())
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert all(norm.momentum == backbones.BATCHNORM_MOMENTUM for norm in norms)
    network = build_network(backbone, patient_width=14, classes=8, patient_units=8)
    network.save(tmp_path / "n.keras")
    loaded = keras.models.load_model(tmp_path / "n.keras", compile=False, safe_mode=True)
    inputs = inputs_of(backbone)
    expected = answer(network, inputs)
    assert expected.sum(axis=1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(answer(loaded, inputs), expected, atol=1e-6)


def first_values(backbone, pixel):
    """What the first convolution gets to see of an image of one colour."""
    first = next(x for x in backbone.layers if isinstance(x, keras.layers.Conv2D))
    seen = keras.Model(backbone.input, first.input)
    image = np.broadcast_to(np.array(pixel, np.float32), (1, *backbone.input_shape[1:]))
    return answer(seen, image)[0, 16, 16]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCALED)
def test_each_scales_images_as_it_was_trained(name, bare):
    assert first_values(bare[name], (255, 51, 0)) == pytest.approx(SCALED[name], abs=1e-4)


@pytest.mark.parametrize("name", PLAIN_CNNS)
def test_plain_networks_say_the_smallest_side_they_take(name):
    side = SMALLEST_SIDE[name]
    assert min(build(name).output_shape[1:3]) >= 1
    with pytest.raises(ConfigError, match=f"image_side is {side - 1}.*at least {side}"):
        check_backbone(name, side - 1)


@pytest.mark.parametrize("name", ["resnet", ANY_MOBILENET, "mobilenet_0", "mobilenet_x"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(ConfigError, match=f"{name}.*mobilenet_v2, .*efficientnet_b4"):
        build(name)


def test_a_listed_name_that_nothing_builds_gives_no_other_network(monkeypatch):
    assert {*backbones._PRETRAINED, *backbones._OURS} == set(SMALLEST_SIDE)
    monkeypatch.setitem(SMALLEST_SIDE, "only_listed", 32)
    with pytest.raises(KeyError, match="only_listed"):
        build("only_listed")


def test_missing_or_foreign_weights_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="do not exist"):
        build("mobilenet_0.25", weights=str(tmp_path / "no.weights.h5"))
    path = tmp_path / "other.weights.h5"
    build("mobilenet_0.25").save_weights(path)
    for name in ("mobilenet_0.5", "cnn_2block"):
        with pytest.raises(ConfigError, match=rf"other\.weights\.h5 does not fit {name}"):
            build(name, weights=str(path))
    with pytest.raises(ConfigError, match="no ImageNet weights of cnn_2block"):
        build("cnn_2block", weights="imagenet")
    with pytest.raises(
        ConfigError, match=r"ImageNet weights.*mobilenet_0\.3|mobilenet_0\.3.*ImageNet"
    ):
        build("mobilenet_0.3", weights="imagenet")


@pytest.mark.slow
def test_weights_of_keras_own_network_fit_ours(tmp_path):
    keras.utils.set_random_seed(0)
    plain = keras.applications.MobileNet(
        alpha=0.25, weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    path = tmp_path / "m.weights.h5"
    plain.save_weights(path)
    ours = build("mobilenet_0.25", weights=str(path))
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3))
    expected = answer(plain, image / 127.5 - 1)
    np.testing.assert_allclose(answer(ours, image), expected, atol=1e-5)


@pytest.mark.slow
def test_the_imagenet_weights_beside_the_checkout_fit():
    if not (SHARED / "weights").is_dir():
        pytest.skip("needs the ImageNet weights in ../shared/weights")
    for name, file in {
        "mobilenet_0.75": "mobilenet_0.75",
        "mobilenet_v2": "mobilenet_v2_1.0",
    }.items():
        trained = build(name, weights=str(SHARED / "weights" / f"{file}_notop.weights.h5"))
        assert trained.count_params() == PUBLISHED[name]
