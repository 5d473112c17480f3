"""A network taken apart at the layers that ``model.networks.network`` names.

    photograph ── image part ──▸ feature maps ── image_embedding ──▸ embedding ── head ──▸ logits
                                                        patient ────────────────────┘

The image part is nearly all of the work; what follows can be asked again for any patient.
"""

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class OpenedNetwork:
    """The parts as networks of their own, which share the weights of the whole."""

    image_part: keras.Model  # image (B, side, side, 3) → features (B, h, w, C), embedding (B, E)
    head: keras.Model  # embedding (B, E), patient (B, width) → probabilities (B, classes)
    after_features: keras.Model  # features (B, h, w, C), patient (B, width) → logits (B, classes)

    @classmethod
    def of(cls, network: keras.Model) -> "OpenedNetwork":
        """Take apart a network built by :func:`model.networks.network.build_network`."""
        embedding = network.get_layer("image_embedding")
        patient = network.input["patient"]
        seen = {"features": embedding.input, "embedding": embedding.output}
        return cls(
            keras.Model(network.input["image"], seen),
            keras.Model([embedding.output, patient], network.output),
            keras.Model([embedding.input, patient], network.get_layer("logits").output),
        )

    def answer(self, embeddings: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Probabilities (P, classes), not calibrated, of one image for P encoded patients.

        Averaged over the image's views, whose embeddings (V, E) are given.
        """
        count, views = len(encoded), len(embeddings)
        pairs = [np.repeat(embeddings, count, axis=0), np.tile(encoded, (views, 1))]
        rows = self.head.predict_on_batch(pairs)
        return rows.reshape(views, count, -1).mean(axis=0)
