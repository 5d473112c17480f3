"""Weights that float16 holds without loss, so that a network's files are half as large."""

from collections.abc import Iterator

import keras
import numpy as np
from keras import layers


def halve(network: keras.Model) -> None:
    """Round kernels and biases to float16's values; they stay float32, as the arithmetic does.

    First the scale of each BatchNorm moves into the convolution before it, and what it adds is
    rounded as well. A converter that joins the two then finds rounded values, and both answer the
    same. But for the rounding the network answers as before; a training can go on from it.
    """
    found = list(_leaves(network))
    norms = [layer for layer in found if isinstance(layer, layers.BatchNormalization)]
    convolutions = {id(layer.output): layer for layer in found if _has_kernel_alone(layer)}
    for norm in norms:
        if before := convolutions.get(id(norm.input)):
            _move_scale(before, norm)
    for weight in _kernels_and_biases(network):
        weight.assign(_rounded(np.asarray(weight)))
    for norm in norms:
        _round_shift(norm)


def is_halved(network: keras.Model) -> bool:
    """Whether float16 holds all kernels, biases and scales of images without loss."""
    values = [np.asarray(weight) for weight in _kernels_and_biases(network)]
    for layer in _leaves(network):
        if isinstance(layer, layers.Rescaling):
            values += [np.float32(layer.scale), np.float32(layer.offset)]
        elif isinstance(layer, layers.Normalization):
            values += [np.asarray(layer.mean), np.asarray(layer.variance) ** 0.5]
    return all(np.array_equal(value, _rounded(value)) for value in values)


def _leaves(network: keras.Model) -> Iterator[layers.Layer]:
    """All layers, those of networks inside included."""
    for layer in network.layers:
        yield from _leaves(layer) if isinstance(layer, keras.Model) else (layer,)


def _has_kernel_alone(layer: layers.Layer) -> bool:
    convolves = isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)
    return convolves and not layer.use_bias


def _move_scale(convolution: layers.Layer, norm: layers.BatchNormalization) -> None:
    """From γ (x - μ) / √(v + ε) + β to the same of x' = x |γ| / √(v + ε).

    With v' = γ² - ε the rest scales by 1 or -1. A channel whose γ is too small for that, which
    says next to nothing, stays as it is.
    """
    gamma, beta, mean, variance = norm.get_weights()
    movable = gamma**2 > 2 * norm.epsilon
    scale = np.where(movable, np.abs(gamma) / np.sqrt(variance + norm.epsilon), 1.0)
    (kernel,) = convolution.get_weights()
    depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    convolution.set_weights([kernel * (scale[:, None] if depthwise else scale)])
    variance = np.where(movable, gamma**2 - norm.epsilon, variance)
    norm.set_weights([gamma, beta, mean * scale, variance])


def _round_shift(norm: layers.BatchNormalization) -> None:
    """Round β - γ μ / √(v + ε), which a converter adds after the convolution."""
    gamma, beta, mean, variance = norm.get_weights()
    moved = gamma * mean / np.sqrt(variance + norm.epsilon)
    norm.set_weights([gamma, _rounded(beta - moved) + moved, mean, variance])


def _kernels_and_biases(network: keras.Model) -> list[keras.Variable]:
    return [weight for weight in network.weights if weight.name in ("kernel", "bias")]


def _rounded(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)
