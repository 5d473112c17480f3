"""Ways to join what the image and what the patient's context say.

Each is a layer that takes a list of two tensors, the image's embedding (B, C) and the context
(B, P), and gives one vector per image, (B, F), for the head. :class:`CrossAttention` takes the
cells of the feature map, (B, cells, C), instead of one embedding. ``add`` is none of them: it adds
the logits of two heads, see :mod:`model.networks.network`.

All are registered with Keras, so that a saved network names them;
:mod:`model.networks.network` opens it.
"""

from collections.abc import Callable

import keras
from keras import layers, ops

_registered = keras.saving.register_keras_serializable("lesion_in_context")
_HEADS = 4

Pair = list[keras.KerasTensor]


@_registered
class ImageOnly(layers.Layer):
    """Leaves the patient's context out: (B, C)."""

    def call(self, pair: Pair) -> keras.KerasTensor:
        """Give the embedding."""
        return pair[0]


@_registered
class MetadataOnly(layers.Layer):
    """Leaves the image out: (B, P), the metadata-only baseline."""

    def call(self, pair: Pair) -> keras.KerasTensor:
        """Give the context."""
        return pair[1]


@_registered
class FiLM(layers.Layer):
    """Feature-wise linear modulation (Perez et al. 2018, arXiv:1709.07871): (B, C).

    The context scales and shifts each channel. Done after the global average pooling, which gives
    the same as before it. Starts as the identity.
    """

    def build(self, shapes: list[tuple]) -> None:
        """Make the two linear maps, from the context to the channels."""
        channels, context = shapes[0][-1], shapes[1]
        self.scale = layers.Dense(channels, kernel_initializer="zeros", name="scale")
        self.shift = layers.Dense(channels, kernel_initializer="zeros", name="shift")
        self.scale.build(context)
        self.shift.build(context)

    def call(self, pair: Pair) -> keras.KerasTensor:
        """Modulate the embedding."""
        embedding, context = pair
        return (1 + self.scale(context)) * embedding + self.shift(context)


@_registered
class MetaBlock(layers.Layer):
    """Metadata processing block (Pacheco & Krohling 2021, doi:10.1109/JBHI.2021.3062002): (B, C).

    ``sigmoid(tanh(V * f(u)) + g(u))`` for the embedding V and the context u, where f and g are
    linear maps followed by BatchNorm. One coefficient per channel, on the pooled features.
    """

    def __init__(self, batchnorm_momentum: float = 0.95, **kwargs: object) -> None:
        """Take the momentum of the two BatchNorm layers."""
        super().__init__(**kwargs)
        self.batchnorm_momentum = batchnorm_momentum

    def build(self, shapes: list[tuple]) -> None:
        """Make f and g."""
        channels, context = shapes[0][-1], shapes[1]
        self.scale, self.shift = layers.Dense(channels), layers.Dense(channels)
        self.norms = [
            layers.BatchNormalization(momentum=self.batchnorm_momentum, name=name)
            for name in ("scale_norm", "shift_norm")
        ]
        for dense, norm in zip((self.scale, self.shift), self.norms, strict=True):
            dense.build(context)
            norm.build((None, channels))

    def call(self, pair: Pair, training: bool | None = None) -> keras.KerasTensor:
        """Gate the embedding."""
        embedding, context = pair
        scale = self.norms[0](self.scale(context), training=training)
        shift = self.norms[1](self.shift(context), training=training)
        return ops.sigmoid(ops.tanh(embedding * scale) + shift)

    def get_config(self) -> dict:
        """Settings for saving."""
        return super().get_config() | {"batchnorm_momentum": self.batchnorm_momentum}


@_registered
class CrossAttention(layers.Layer):
    """The context attends to the cells of the feature map: (B, C + P).

    Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) with the context as the only query
    and the cells as keys and values. The result is the mean over the cells, joined by the context
    plus what it found.
    """

    def build(self, shapes: list[tuple]) -> None:
        """Make the attention, as wide as the context."""
        cells, context = shapes
        width = context[-1]
        self.attention = layers.MultiHeadAttention(_HEADS, max(1, width // _HEADS))
        self.attention.build((context[0], 1, width), cells)

    def call(self, pair: Pair) -> keras.KerasTensor:
        """Attend to the cells, (B, cells, C)."""
        cells, context = pair
        found = self.attention(context[:, None, :], cells)[:, 0]
        return ops.concatenate([ops.mean(cells, axis=1), context + found], axis=-1)


FUSIONS: dict[str, Callable[..., layers.Layer]] = {
    "none": ImageOnly,
    "metadata": MetadataOnly,
    "concat": layers.Concatenate,
    "film": FiLM,
    "metablock": MetaBlock,
    "cross_attention": CrossAttention,
}
"""Layers by the names that a config gives; ``add`` has none."""
