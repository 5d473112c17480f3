"""The image networks that a config may name, and whether their weights are available.

Loading this does not load Keras, so that settings can be checked before.
"""

import os
import re
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from model.errors import ConfigError

ANY_MOBILENET = "mobilenet_ALPHA"
"""Stands for MobileNet at any width, such as ``mobilenet_0.75``."""

SMALLEST_SIDE = {
    ANY_MOBILENET: 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "mobilenet_v3_large": 32,
    "efficientnet_b0": 32,
    "efficientnet_b4": 32,
    "efficientnet_v2_b0": 32,
    "efficientnet_lite0": 32,
    "efficientnet_lite1": 32,
    "efficientnet_lite2": 32,
    "inception_resnet_v2": 75,
    "resnet50": 32,
    "vgg16": 32,
    "densenet121": 32,
    "convnext_tiny": 32,
    "attention_condenser": 32,
    "cnn_2block": 32,
    "cnn_4block": 46,
    "cnn_5block": 94,
    "cnn_6block": 190,
    "cnn_6block_large": 248,
}
"""Name → smallest side of the images, in pixels, that leaves something after the last pooling."""

_BUILT_HERE = ("efficientnet_lite", "attention", "cnn")  # beginnings of their names
BUILT_HERE = tuple(name for name in SMALLEST_SIDE if name.startswith(_BUILT_HERE))
"""Those that are not Keras' own, and whose ImageNet weights, if any, it does not have."""

FINDER_BACKBONE = "mobilenet_0.75"
"""Of the lesion finder."""

NO_BACKBONE = "none"
"""What a config names instead for a metadata-only network."""

_HOST = "https://storage.googleapis.com/"
"""Where Keras downloads ImageNet weights from."""

_PATIENCE = 10  # seconds for it to answer


def mobilenet_alpha(name: str) -> float | None:
    """Width of the MobileNet that is named, as a share of the original's; None for others."""
    found = re.fullmatch(r"mobilenet_(\d+(?:\.\d+)?)", name)
    return float(found[1]) or None if found else None


def backbone_family(name: str) -> str:
    """The entry of :data:`SMALLEST_SIDE` that a name falls under, if it is a backbone's at all."""
    return ANY_MOBILENET if mobilenet_alpha(name) else name


def check_backbone(name: str, side: int) -> None:
    """Check that there is such a network for images of such a side, in pixels.

    Raises:
        ConfigError: an unknown name, or images that are too small.
    """
    family = backbone_family(name)
    if family not in SMALLEST_SIDE or name == ANY_MOBILENET:
        known = ", ".join(SMALLEST_SIDE)
        raise ConfigError(
            f"no backbone is called {name!r}. Use one of: {known}; ALPHA is a width such as 0.75."
        )
    if side < SMALLEST_SIDE[family]:
        raise ConfigError(
            f"image_side is {side}, too small for {name}; it must be at least "
            f"{SMALLEST_SIDE[family]}."
        )


def require_weights(weights: str, backbone: str) -> None:
    """Check that a weights file exists, or that Keras has ImageNet weights or can download them.

    Raises:
        ConfigError: the file does not exist, or the weights would have to be downloaded and their
            host cannot be reached.
    """
    if weights == "imagenet":
        if backbone not in BUILT_HERE and not _downloaded(backbone):
            _require_host(backbone)
    elif weights != "none" and not Path(weights).is_file():
        raise ConfigError(
            f"weights {weights!r} do not exist. Give imagenet, none, or a .weights.h5 file."
        )


def _downloaded(backbone: str) -> bool:
    """Whether Keras has this network's weights without its top, of whatever image side."""
    alpha = mobilenet_alpha(backbone)
    width = f"{alpha:.2f}".replace(".", "").lstrip("0")[:2] if alpha else ""  # 75, and 10 of 1.0
    name = f"mobilenet{width}" if alpha else backbone
    kept = (_letters(file.name) for file in _folder().glob("*no*top*.h5"))
    return any(_letters(name) in file for file in kept)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name)


def _folder() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def _require_host(backbone: str) -> None:
    try:
        urlopen(Request(_HOST, method="HEAD"), timeout=_PATIENCE).close()
    except HTTPError:  # an answer, if only that there is nothing at its root
        return
    except (OSError, HTTPException) as error:
        raise ConfigError(
            f"the ImageNet weights of {backbone} are not in {_folder()} and cannot be downloaded "
            f"({getattr(error, 'reason', error)}). Set weights to none (--weights none) or to a "
            ".weights.h5 file, or copy that folder from a computer that has them."
        ) from error
