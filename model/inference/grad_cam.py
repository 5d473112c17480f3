"""Grad-CAM: where in the photograph the evidence for a class is, and its overlay.

Gradient-weighted class activation maps (Selvaraju et al. 2017) weigh the last feature maps by how
much the class's logit grows with each. Here the maps are averaged over the image before anything
else happens to them, so the gradient is the same everywhere and the map is exactly what each place
adds to the logit, to first order. Only the layers after the feature maps are differentiated, which
takes no time. Feature maps of a few cells lie askew, since a network pads its edges unevenly; the
mean over the half turn and the mirror images corrects that.
"""

import numpy as np
from PIL import Image

from model.inference.backend import Backend, Features
from model.inference.tta import aligned_mean


def grad_cam(backend: Backend, features: Features, patient: np.ndarray, label: int) -> np.ndarray:
    """Compute one photograph's Grad-CAM: float32 (h, w) in [0, 1], as coarse as the feature maps.

    ``patient`` is encoded, (width,), and ``label`` the number of the class to explain.
    """
    return _scaled(aligned_mean(backend.grad_cam(features.maps, patient, label)))


def _scaled(map_: np.ndarray) -> np.ndarray:
    """Drop the evidence against the class, as the paper does, and scale to [0, 1]."""
    map_ = np.maximum(map_, 0.0)
    highest = map_.max()
    return map_ / highest if highest > 0 else map_


def enlarge(cam: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize one Grad-CAM (h, w) to ``size`` (width, height) smoothly: float32 in [0, 1]."""
    image = Image.fromarray(cam.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def overlay(photograph: Image.Image, cam: np.ndarray, *, strength: float = 0.5) -> Image.Image:
    """Lay one Grad-CAM (h, w) over a photograph of any size, blue where it is high."""
    map_ = enlarge(cam, photograph.size)[..., None]
    pixels = np.asarray(photograph.convert("RGB"), float)
    # A colour that neither skin nor lesions have.
    blue = np.array([20.0, 80.0, 255.0])
    return Image.fromarray((pixels + strength * map_ * (blue - pixels)).astype(np.uint8))
