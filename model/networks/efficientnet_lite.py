"""EfficientNet-Lite0 to Lite2: EfficientNet without squeeze-and-excitation, with ReLU6 for swish.

Keras has no version of them. Structure as its authors published it, under Apache-2.0:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, after Tan and Le,
EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
https://arxiv.org/abs/1905.11946.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import layers

Tensor = keras.KerasTensor


class Stage(NamedTuple):
    """Inverted residual blocks of one width."""

    blocks: int
    kernel: int  # side of the depthwise convolution
    stride: int  # of the first block
    expansion: int
    width: int


def _stages(blocks: Sequence[int], widths: Sequence[int]) -> tuple[Stage, ...]:
    shapes = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
    return tuple(
        Stage(count, *shape, width)
        for count, shape, width in zip(blocks, shapes, widths, strict=True)
    )


_NARROW, _WIDE = (16, 24, 40, 80, 112, 192, 320), (16, 24, 48, 88, 120, 208, 352)

STAGES = {
    "efficientnet_lite0": _stages((1, 2, 2, 3, 3, 4, 1), _NARROW),
    "efficientnet_lite1": _stages((1, 3, 3, 4, 4, 5, 1), _NARROW),
    "efficientnet_lite2": _stages((1, 3, 3, 4, 4, 5, 1), _WIDE),
}
"""By name: Lite1 is deeper than Lite0, Lite2 is wider, too."""


def efficientnet_lite(name: str, image: Tensor) -> Tensor:
    """Chain the stages: (B, side, side, 3) in [-1, 1] → (B, side / 32, side / 32, 1280)."""
    features = _convolved(image, 32, "stem", side=3, stride=2)
    block = 0
    for stage in STAGES[name]:
        for place in range(stage.blocks):
            stride = 1 if place else stage.stride
            features = _inverted_residual(features, stage, stride, f"block_{block}")
            block += 1
    return _convolved(features, 1280, "head")


def _inverted_residual(features: Tensor, stage: Stage, stride: int, name: str) -> Tensor:
    width = features.shape[-1]
    inner = features
    if stage.expansion > 1:
        inner = _convolved(inner, width * stage.expansion, f"{name}_expand")
    inner = layers.DepthwiseConv2D(
        stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise"
    )(inner)
    inner = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_normalised(inner, f"{name}_depthwise"))
    inner = layers.Conv2D(stage.width, 1, use_bias=False, name=f"{name}_project")(inner)
    inner = _normalised(inner, f"{name}_project")
    if stride > 1 or width != stage.width:
        return inner
    return layers.Add(name=f"{name}_add")([features, inner])


def _convolved(
    features: Tensor, width: int, name: str, *, side: int = 1, stride: int = 1
) -> Tensor:
    convolve = layers.Conv2D(width, side, stride, "same", use_bias=False, name=name)
    return layers.ReLU(6.0, name=f"{name}_relu")(_normalised(convolve(features), name))


def _normalised(features: Tensor, name: str) -> Tensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(features)
