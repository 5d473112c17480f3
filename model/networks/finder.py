"""The lesion finder: a small fully convolutional network from a photograph to its lesions' outline.

The first blocks of MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861), which have
ImageNet weights, and a decoder with skip connections as in U-Net (Ronneberger et al. 2015,
https://arxiv.org/abs/1505.04597).
"""

import keras
from keras import layers

from model.frame import FINDER_SIDE
from model.networks.backbone_names import FINDER_BACKBONE
from model.networks.backbones import build_backbone

_SKIPS = {"conv_pw_5_relu": 96, "conv_pw_3_relu": 48, "conv_pw_1_relu": 24}
"""Feature maps of the encoder that join the decoder, coarse to fine → the decoder's width there."""

Tensor = keras.KerasTensor


def build_finder(*, weights: str = "imagenet") -> keras.Model:
    """Build the finder: (B, side, side, 3) in [0, 255] → logits (B, side / 2, side / 2, 1).

    The side is :data:`model.frame.FINDER_SIDE`. ``weights`` are those of the backbone, see
    :func:`model.networks.backbones.build_backbone`.
    """
    backbone = build_backbone(FINDER_BACKBONE, side=FINDER_SIDE, weights=weights)
    features = backbone.get_layer("conv_pw_11_relu").output
    features = _convolved(features, 128, "neck")
    for name, width in _SKIPS.items():
        features = layers.UpSampling2D(interpolation="bilinear", name=f"up_{width}")(features)
        skip = _convolved(backbone.get_layer(name).output, width, f"skip_{width}")
        features = layers.Concatenate(name=f"join_{width}")([features, skip])
        features = layers.DepthwiseConv2D(
            3, padding="same", use_bias=False, name=f"spread_{width}"
        )(features)
        features = _convolved(features, width, f"mix_{width}")
    outline = layers.Conv2D(1, 3, padding="same", name="outline")(features)
    return keras.Model(backbone.input, outline, name="finder")


def _convolved(features: Tensor, width: int, name: str) -> Tensor:
    features = layers.Conv2D(width, 1, use_bias=False, name=name)(features)
    features = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(features)
    return layers.ReLU(6.0, name=f"{name}_relu")(features)
