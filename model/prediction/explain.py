"""Where in the photograph the network found its answer: gradient-weighted class activation maps.

Grad-CAM (Selvaraju et al. 2017) weighs the last feature maps by how much the class's logit grows
with each. Here the maps are averaged over the image before anything else happens to them, so the
gradient is the same everywhere and the map is exactly what each place adds to the logit, to first
order. Only the layers after the feature maps are differentiated, which takes no time. Feature maps
of a few cells lie askew, since a network pads its edges unevenly; the mean over the half turn and
the mirror images sets that right. Needs TensorFlow as Keras' backend.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from model.patient import Patient
from model.prediction.opened import OpenedNetwork
from model.prediction.predictor import MAP_VIEWS, Predictor
from model.prediction.views import views

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
    found = []
    for start in range(0, len(images), _BATCH):
        rows = slice(start, start + _BATCH)
        turned = [
            _maps(predictor.opened, features, encoded[rows], classes[rows])
            for features in _features(predictor.opened, images[rows])
        ]
        found.append(_turned_back(np.stack(turned)))
    return _scaled(np.concatenate(found))


def map_of_views(
    opened: OpenedNetwork, features: np.ndarray, encoded: np.ndarray, number: int
) -> np.ndarray:
    """Compute the map of one image from the feature maps of its views: float32 (h, w) in [0, 1].

    Args:
        opened: the network.
        features: of the first ``MAP_VIEWS`` views or more, (V, h, w, C).
        encoded: the patient, (1, width).
        number: of the class to explain.
    """
    features = features[:MAP_VIEWS]
    count = len(features)
    maps = _maps(opened, features, np.repeat(encoded, count, axis=0), np.full(count, number))
    return _scaled(_turned_back(maps[:, None]))[0]


def _features(opened: OpenedNetwork, images: np.ndarray) -> Iterator[np.ndarray]:
    """Feature maps (N, h, w, C) of each view."""
    for view in views(images, MAP_VIEWS):
        yield opened.image_part.predict_on_batch(view)["features"]


def _maps(
    opened: OpenedNetwork, features: np.ndarray, encoded: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """What each cell of the feature maps adds to the logit of the class: (N, h, w)."""
    cells = tf.convert_to_tensor(features)
    with tf.GradientTape() as tape:
        tape.watch(cells)
        logits = opened.after_features([cells, tf.convert_to_tensor(encoded)], training=False)
        asked = tf.reduce_sum(logits * tf.one_hot(classes, logits.shape[-1]))
    weights = tf.reduce_mean(tape.gradient(asked, cells), axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * cells, axis=-1).numpy()


def _turned_back(maps: np.ndarray) -> np.ndarray:
    """Average the maps of the views, (V, N, h, w), each turned back to the image: (N, h, w)."""
    count, images, side = maps.shape[:3]
    total = np.zeros((images, side * side), np.float32)
    # Viewing the cells' numbers tells where each cell of a view comes from.
    cells = views(np.arange(side * side).reshape(1, side, side), count)
    for view, origin in zip(maps, cells, strict=True):
        total[:, origin.ravel()] += view.reshape(images, -1)
    return total.reshape(-1, side, side) / count


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Leave out what speaks against the class, as in the paper, and scale to [0, 1]."""
    maps = np.maximum(maps, 0.0)
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)
