"""Where in the photograph the network found its answer: gradient-weighted class activation maps.

Grad-CAM (Selvaraju et al. 2017) weighs the last feature maps by how much the class's logit grows
with each. Here the maps are averaged over the image before anything else happens to them, so the
gradient is the same everywhere and the map is exactly what each place adds to the logit, to first
order. Feature maps of a few cells lie askew, since a network pads its edges unevenly; the mean over
all flipped and turned views of the image sets that right. Needs TensorFlow as Keras' backend.
"""

from collections.abc import Sequence
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from model.patient import Patient
from model.predictor import Predictor
from model.views import VIEW_COUNTS, views

_BATCH = 64
_VIEWS = max(VIEW_COUNTS)


def activation_maps(
    predictor: Predictor, images: np.ndarray, patients: Sequence[Patient], classes: np.ndarray
) -> np.ndarray:
    """Compute one map an image: float32 (N, h, w) in [0, 1], as coarse as the feature maps.

    Args:
        predictor: a loaded bundle.
        images: prepared images, (N, side, side, 3).
        patients: their context, N.
        classes: number of the class to explain, (N,).
    """
    encoded = predictor.manifest.patient.encode(patients)
    opened = _opened(predictor.network)
    slices = [slice(n, n + _BATCH) for n in range(0, len(images), _BATCH)]
    found = [_mean_maps(opened, images[rows], encoded[rows], classes[rows]) for rows in slices]
    # What speaks against the class is left out, as in the paper.
    maps = np.maximum(np.concatenate(found), 0.0)
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)


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


@lru_cache(maxsize=4)
def _opened(network: keras.Model) -> keras.Model:
    """The network with its last feature maps and logits as outputs."""
    features = network.get_layer("image_embedding").input
    return keras.Model(network.input, [features, network.get_layer("logits").output])


def _mean_maps(
    opened: keras.Model, images: np.ndarray, encoded: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Average the maps of all views, each turned back to the image."""
    turned = [_maps(opened, view, encoded, classes) for view in views(images, _VIEWS)]
    side = turned[0].shape[1]
    total = np.zeros((len(images), side * side), np.float32)
    # Viewing the cells' numbers tells where each cell of a view comes from.
    cells = views(np.arange(side * side).reshape(1, side, side), _VIEWS)
    for maps, origin in zip(turned, cells, strict=True):
        total[:, origin.ravel()] += maps.reshape(len(images), -1)
    return total.reshape(-1, side, side) / _VIEWS


def _maps(
    opened: keras.Model, images: np.ndarray, encoded: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """What each cell of the feature maps adds to the logit of the class: (N, h, w)."""
    with tf.GradientTape() as tape:
        inputs = {"image": tf.convert_to_tensor(images), "patient": tf.convert_to_tensor(encoded)}
        features, logits = opened(inputs, training=False)
        asked = tf.reduce_sum(logits * tf.one_hot(classes, logits.shape[-1]))
    weights = tf.reduce_mean(tape.gradient(asked, features), axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * features, axis=-1).numpy()
