"""Whether the weights that a backbone starts from can be had, asked before any work; no Keras."""

import os
import re
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from model.errors import ConfigError
from model.networks.backbone_names import BUILT_HERE, mobilenet_alpha

_HOST = "https://storage.googleapis.com/"
"""Where Keras downloads ImageNet weights from."""

_PATIENCE = 10  # seconds for it to answer


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
    """Whether Keras keeps a file of this network without its top; for which side, it decides."""
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
