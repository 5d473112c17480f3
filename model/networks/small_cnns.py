"""Small networks without pretrained weights, for the comparison with earlier systems.

Plain CNNs are blocks of convolution, pooling and dropout. The network of attention condensers is
approximate: built from what the papers say (Wong et al. 2020, arXiv:2008.04245, on attention
condensers; Lee et al. 2020, arXiv:2011.10702, on CancerNet-SCa), whose networks were found by an
automated search and are not given layer by layer.
"""

from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True)
class PlainCNN:
    """One block per width: an unpadded convolution, ReLU, 2 x 2 maximum pooling, dropout."""

    widths: tuple[int, ...]
    kernels: tuple[int, ...] = ()  # sides of the kernels; all 3 if not given
    dropout: float = 0.0


PLAIN_CNNS = {
    "cnn_2block": PlainCNN((32, 64)),
    "cnn_4block": PlainCNN((32, 64, 128, 256), dropout=0.25),
    "cnn_5block": PlainCNN((32, 64, 64, 128, 128)),
    "cnn_6block": PlainCNN((32, 64, 64, 128, 256, 512)),
    "cnn_6block_large": PlainCNN((32, 64, 64, 128, 256, 512), kernels=(13, 11, 7, 5, 3, 3)),
}
"""By name. The first is the image half of the dual-input network; the last three are for 500 px."""


def plain_cnn(name: str, image: keras.KerasTensor) -> keras.KerasTensor:
    """Chain the blocks: (B, side, side, 3) in [0, 1] → (B, h, w, last width)."""
    network = PLAIN_CNNS[name]
    kernels = network.kernels or (3,) * len(network.widths)
    features = image
    for number, (width, side) in enumerate(zip(network.widths, kernels, strict=True), start=1):
        block = f"block_{number}"
        convolve = layers.Conv2D(width, side, activation="relu", name=f"{block}_convolution")
        features = layers.MaxPooling2D(name=f"{block}_pooling")(convolve(features))
        if network.dropout:
            features = layers.Dropout(network.dropout, name=f"{block}_dropout")(features)
    return features


_WIDTHS = (64, 128, 208, 320)
"""Channels of the four stages, each at half the side of the one before; 0.9 million weights."""


def attention_condenser(image: keras.KerasTensor) -> keras.KerasTensor:
    """Build the network: (B, side, side, 3) in [0, 1] → (B, side / 32, side / 32, 320)."""
    features = _convolution(image, 32, stride=2, name="stem")
    for number, width in enumerate(_WIDTHS, start=1):
        stage = f"stage_{number}"
        features = _separable(features, width, stride=2, name=f"{stage}_down")
        features = condense_attention(features, name=f"{stage}_attention")
        mixed = _separable(features, width, stride=1, name=f"{stage}_mix")
        features = layers.Add(name=f"{stage}_add")([features, mixed])
    return features


def condense_attention(values: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Weigh each value by an attention found at half the side; shapes stay (B, h, w, C).

    Condense by maximum pooling, embed by a depthwise and a pointwise convolution, expand again,
    and squash to (0, 1): attention between places and channels jointly, at a small cost.
    """
    height, width, channels = values.shape[1:]
    small = layers.MaxPooling2D(2, padding="same", name=f"{name}_condense")(values)
    embedded = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_places")(small)
    embedded = layers.Conv2D(channels // 4, 1, activation="relu", name=f"{name}_embed")(embedded)
    grown = layers.Conv2D(channels, 1, name=f"{name}_channels")(embedded)
    grown = layers.UpSampling2D(2, name=f"{name}_expand")(grown)
    # Of an odd side, the pooling's last place stands for one row or column only.
    cut = ((0, height % 2), (0, width % 2))
    attention = layers.Activation("sigmoid", name=f"{name}_squash")(layers.Cropping2D(cut)(grown))
    return layers.Multiply(name=f"{name}_weigh")([values, attention])


def _convolution(x: keras.KerasTensor, width: int, *, stride: int, name: str) -> keras.KerasTensor:
    convolve = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=name)
    return _activated(convolve(x), name)


def _separable(x: keras.KerasTensor, width: int, *, stride: int, name: str) -> keras.KerasTensor:
    """Depthwise, then pointwise twice: out and in again, as in the papers' bottlenecks."""
    places = layers.DepthwiseConv2D(
        3, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    x = _activated(places(x), f"{name}_depthwise")
    x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_widen")(x)
    x = _activated(x, f"{name}_widen")
    x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_join")(x)
    return _activated(x, f"{name}_join")


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
