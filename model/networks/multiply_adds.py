"""How much a network computes for one image, counted from the shapes of its layers."""

import math

import keras
from keras import layers

from model.networks.fusion import CrossAttention


def multiply_adds(layer: layers.Layer) -> int:
    """Count the multiplications, each with its addition, of one image's way through a layer.

    A network is a layer of layers. Convolutions, dense layers and attention are counted, as in the
    papers that compare networks; normalisation, activations and pooling are not.
    """
    if isinstance(layer, keras.Model):
        return sum(map(multiply_adds, layer.layers))
    if isinstance(layer, CrossAttention):
        return _of_cross_attention(layer)
    # Each weight of a kernel is used once at every place of the output, (B, h, w, C) or (B, C).
    return _kernel_weights(layer) * math.prod(layer.output.shape[1:-1])


def _kernel_weights(layer: layers.Layer) -> int:
    return sum(math.prod(w.shape) for w in layer.weights if w.name == "kernel")


def _of_cross_attention(layer: CrossAttention) -> int:
    """The context's query is mapped once, keys and values are those of all cells (B, cells, C)."""
    cells, attention = layer.input[0].shape[1], layer.attention
    of_query = _kernel_weights(attention.query_dense) + _kernel_weights(attention.output_dense)
    of_cell = _kernel_weights(attention.key_dense) + _kernel_weights(attention.value_dense)
    _, heads, width = attention.query_dense.kernel.shape
    compared = 2 * heads * width  # query with key, and weight with value
    return of_query + cells * (of_cell + compared)
