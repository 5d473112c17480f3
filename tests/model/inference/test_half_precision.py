"""Rounded weights: the same function but for the rounding, and the same answers in LiteRT."""

import keras
import numpy as np
import pytest
from keras import layers

from model.inference.export import halve, is_halved

SIDE = 8


@pytest.fixture
def network():
    """Convolutions of both kinds, one with a bias, each but the last before a BatchNorm."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(6, 3, use_bias=False, name="plain")(image)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-3, name="after_plain")(x))
    x = layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-3, name="after_depthwise")(x))
    x = layers.BatchNormalization(name="after_bias")(layers.Conv2D(4, 1, name="with_bias")(x))
    network = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    rng = np.random.default_rng(0)
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0  # statistics are those of the last batch
        gamma, beta, *statistics = norm.get_weights()
        gamma, beta = rng.normal(size=(2, len(gamma)))
        gamma[0] = 1e-3  # too small to be divided by
        norm.set_weights([gamma, beta, *statistics])
    answers(network, training=True)
    return network


def answers(network, *, training=False):
    images = np.random.default_rng(1).normal(size=(16, SIDE, SIDE, 3)).astype(np.float32)
    return keras.ops.convert_to_numpy(network(images, training=training))


def test_but_for_the_rounding_it_answers_as_before(network):
    before = answers(network)
    halve(network)
    np.testing.assert_allclose(answers(network), before, atol=0.01)
    assert np.abs(before).max() > 1


@pytest.mark.parametrize(("scale", "exact"), [(1 / 128, True), (1 / 255, False)])
def test_a_scale_that_float16_does_not_hold_is_seen(network, scale, exact):
    halve(network)
    image = keras.Input((SIDE, SIDE, 3))
    scaled = keras.Model(image, network(layers.Rescaling(scale)(image)))
    assert is_halved(scaled) == exact


def test_what_a_converter_joins_is_rounded_too(network):
    assert not is_halved(network)
    halve(network)
    assert is_halved(network)
    for name in ("plain", "depthwise"):
        (kernel,) = network.get_layer(name).get_weights()
        norm = network.get_layer(f"after_{name}")
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        assert np.abs(factor[1:]) == pytest.approx(1, abs=1e-5)
        joined = kernel * (factor[:, None] if name == "depthwise" else factor)
        for values in (
            joined[..., 1:, :] if name == "depthwise" else joined[..., 1:],
            beta - mean * factor,
        ):
            np.testing.assert_allclose(values, values.astype(np.float16), rtol=2e-6, atol=1e-6)
