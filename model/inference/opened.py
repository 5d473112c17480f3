"""A network taken apart at the layers that ``model.networks.network`` names.

    photograph ── image part ──▸ feature maps ── image_embedding ──▸ embedding ── head ──▸ logits
                                                        patient ────────────────────┘

The image part is nearly all of the work; what follows can be asked again for any patient.
"""

from functools import cached_property
from typing import TYPE_CHECKING

import keras
import numpy as np

from model.inference.seen import Seen

if TYPE_CHECKING:
    import tensorflow as tf


class OpenedNetwork:
    """The parts as networks of their own, which share the weights of the whole."""

    def __init__(self, network: keras.Model) -> None:
        """Take a network built by :func:`model.networks.network.build_network`."""
        self.network = network

    @cached_property
    def image_part(self) -> keras.Model:
        """From image (B, side, side, 3) to features (B, h, w, C) and embedding (B, E)."""
        embedding = self.network.get_layer("image_embedding")
        seen = {"features": embedding.input, "embedding": embedding.output}
        return keras.Model(self.network.input["image"], seen)

    @cached_property
    def head(self) -> keras.Model:
        """From embedding (B, E) and patient (B, width) to probabilities (B, classes)."""
        embedding = self.network.get_layer("image_embedding").output
        return keras.Model([embedding, self.network.input["patient"]], self.network.output)

    @cached_property
    def after_features(self) -> keras.Model:
        """From features (B, h, w, C) and patient (B, width) to logits (B, classes)."""
        features = self.network.get_layer("image_embedding").input
        inputs = [features, self.network.input["patient"]]
        return keras.Model(inputs, self.network.get_layer("logits").output)

    def look(self, images: np.ndarray) -> Seen:
        """See the views (V, side, side, 3) of one photograph."""
        seen = self.image_part.predict_on_batch(images)
        return Seen(seen["embedding"], seen["features"])

    def answer(self, embeddings: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Probabilities (P, classes) of one photograph for P encoded patients."""
        count, views = len(encoded), len(embeddings)
        pairs = [np.repeat(embeddings, count, axis=0), np.tile(encoded, (views, 1))]
        rows = self.head.predict_on_batch(pairs)
        return rows.reshape(views, count, -1).mean(axis=0)

    def cells(self, features: np.ndarray, encoded: np.ndarray, number: int) -> np.ndarray:
        """What each cell of one photograph's feature maps adds to the logit of a class."""
        patients = np.repeat(encoded, len(features), axis=0)
        return self.cells_of_many(features, patients, np.full(len(features), number))

    def cells_of_many(
        self, features: np.ndarray, encoded: np.ndarray, classes: np.ndarray
    ) -> np.ndarray:
        """The same for B images, patients (B, width) and classes (B,): (B, h, w)."""
        asked = np.eye(self.network.output.shape[-1], dtype=np.float32)[classes]
        return differentiated(self.after_features, features, encoded, asked).numpy()


def differentiated(
    after_features: keras.Model, features: "tf.Tensor", encoded: "tf.Tensor", asked: "tf.Tensor"
) -> "tf.Tensor":
    """Weigh feature maps by the gradient of the asked logits, (B, classes) of 0 and 1: (B, h, w).

    Grad-CAM, see :mod:`model.inference.grad_cam`. Needs TensorFlow as Keras' backend.
    """
    import tensorflow as tf

    cells = tf.convert_to_tensor(features)
    with tf.GradientTape() as tape:
        tape.watch(cells)
        logits = after_features([cells, tf.convert_to_tensor(encoded)], training=False)
        wanted = tf.reduce_sum(logits * asked)
    # Zero, not None, where the fusion leaves the image out.
    gradient = tape.gradient(wanted, cells, unconnected_gradients="zero")
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * cells, axis=-1)
