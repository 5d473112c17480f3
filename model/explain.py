"""Where in the photograph the network found its answer: gradient-weighted class activation maps.

Grad-CAM (Selvaraju et al. 2017) weighs the last feature maps by how much the class's logit grows
with each. Here the maps are averaged over the image before anything else happens to them, so the
gradient is the same everywhere and the map is exactly what each place adds to the logit, to first
order. Needs TensorFlow as Keras' backend.
"""

from collections.abc import Sequence
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from model.patient import Patient
from model.predictor import Predictor

_BATCH = 64


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
    found = [_maps(opened, images[rows], encoded[rows], classes[rows]) for rows in slices]
    return np.concatenate(found)


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


def _maps(
    opened: keras.Model, images: np.ndarray, encoded: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    with tf.GradientTape() as tape:
        inputs = {"image": tf.convert_to_tensor(images), "patient": tf.convert_to_tensor(encoded)}
        features, logits = opened(inputs, training=False)
        asked = tf.reduce_sum(logits * tf.one_hot(classes, logits.shape[-1]))
    weights = tf.reduce_mean(tape.gradient(asked, features), axis=(1, 2), keepdims=True)
    # What speaks against the class is left out, as in the paper.
    maps = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)
