"""Pretrained image networks by name."""

from pathlib import Path

import keras

from model.errors import ConfigError

BACKBONES = {
    "mobilenet_0.75": lambda **kwargs: keras.applications.MobileNet(alpha=0.75, **kwargs),
    "mobilenet_v2": lambda **kwargs: keras.applications.MobileNetV2(**kwargs),
}
"""Constructors. Both take images scaled to [-1, 1]; the network scales them itself."""


def build_backbone(name: str, *, side: int, weights: str, batchnorm_momentum: float) -> keras.Model:
    """Build the convolutional part of an image network: (B, side, side, 3) → (B, h, w, C).

    Args:
        name: one of ``BACKBONES``.
        side: of the square images, in pixels.
        weights: ``imagenet`` (downloaded by Keras), ``none``, or the path of a ``.weights.h5``.
        batchnorm_momentum: of all BatchNorm layers. Keras' own 0.99 and 0.999 leave stale
            statistics after a fine-tuning of a few thousand steps.

    Raises:
        ConfigError: an unknown name, or weights that are missing or of another network.
    """
    if name not in BACKBONES:
        raise ConfigError(f"no backbone is called {name!r}. Use one of: {', '.join(BACKBONES)}.")
    download = weights if weights == "imagenet" else None
    backbone = BACKBONES[name](
        weights=download, include_top=False, input_shape=(side, side, 3), name=name
    )
    if weights not in ("imagenet", "none"):
        _load(backbone, Path(weights))
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batchnorm_momentum
    return backbone


def _load(backbone: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            f"weights {str(path)!r} do not exist. Give imagenet, none, or a .weights.h5 file."
        )
    try:
        backbone.load_weights(path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path.name} does not fit {backbone.name}: {error}") from error
