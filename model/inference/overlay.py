"""Laying an activation map over its photograph."""

import numpy as np
from PIL import Image


def enlarge(activation: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring one map (h, w) to ``size`` (width, height) smoothly: float32 in [0, 1]."""
    image = Image.fromarray(activation.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def overlay(
    photograph: Image.Image, activation: np.ndarray, *, strength: float = 0.5
) -> Image.Image:
    """Lay one map (h, w) over a photograph of any size, blue where it is high."""
    map_ = enlarge(activation, photograph.size)[..., None]
    pixels = np.asarray(photograph.convert("RGB"), float)
    # A colour that neither skin nor lesions have.
    blue = np.array([20.0, 80.0, 255.0])
    return Image.fromarray((pixels + strength * map_ * (blue - pixels)).astype(np.uint8))
