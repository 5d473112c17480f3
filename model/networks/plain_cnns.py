"""Plain convolutional networks of the comparison: blocks of convolution, pooling and dropout."""

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
