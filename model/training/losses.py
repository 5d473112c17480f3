"""Losses by name, for softmax outputs, one-hot or mixed labels and sample weights.

When a network is distilled, the labels have the teachers' probabilities as further columns.
"""

import keras
import numpy as np
from keras import ops

from model.training.settings import TrainConfig

Tensor = keras.KerasTensor


def loss_of(config: TrainConfig, shares: np.ndarray) -> keras.losses.Loss:
    """The loss that the config names; ``shares`` are the classes' of the training part, (C,)."""
    smoothing = {"label_smoothing": config.label_smoothing}
    losses = {
        "cross_entropy": lambda: keras.losses.CategoricalCrossentropy(**smoothing),
        "focal": lambda: keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=config.focal_gamma, **smoothing
        ),
        "logit_adjusted": lambda: LogitAdjusted(shares, config.logit_adjustment, **smoothing),
    }
    return losses[config.loss]()


class LogitAdjusted(keras.losses.Loss):
    """Cross-entropy of logits shifted by the classes' log shares (Menon et al. 2021).

    The network has to make up for the shift, and so evens out the classes: arXiv:2007.07314,
    equation 10, with the temperature ``power``.
    """

    def __init__(self, shares: np.ndarray, power: float, *, label_smoothing: float) -> None:
        """Take the classes' shares, (C,) above 0; a power of 0 is plain cross-entropy."""
        super().__init__(name="logit_adjusted")
        self.shift = (power * np.log(np.maximum(shares, 1e-6))).astype(np.float32)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss an image, (B,)."""
        logits = ops.log(ops.maximum(y_pred, keras.config.epsilon())) + self.shift
        return keras.losses.categorical_crossentropy(
            y_true, logits, from_logits=True, label_smoothing=self.label_smoothing
        )


class Distilled(keras.losses.Loss):
    """A loss shared between the labels and the teachers' softened answers (Hinton et al. 2015).

    ``(1 - weight) * loss(labels) + weight * T**2 * cross-entropy(teachers at T, student at T)``,
    arXiv:1503.02531, section 2. Labels are (B, 2 C): one-hot, then the teachers' probabilities;
    of (B, C), as in validation, the loss is that of the labels.
    """

    def __init__(
        self, loss: keras.losses.Loss, *, classes: int, weight: float, temperature: float
    ) -> None:
        """Take the loss for the labels; the weight is from 0 to 1, the temperature above 0."""
        super().__init__(name="distilled")
        self.loss, self.classes = loss, classes
        self.weight, self.temperature = weight, temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss an image, (B,)."""
        of_labels = self.loss.call(y_true[:, : self.classes], y_pred)
        if y_true.shape[-1] == self.classes:
            return of_labels
        taught = ops.softmax(self._soft(y_true[:, self.classes :]))
        found = self._soft(y_pred)
        of_teachers = keras.losses.categorical_crossentropy(taught, found, from_logits=True)
        return (1 - self.weight) * of_labels + self.weight * self.temperature**2 * of_teachers

    def _soft(self, probabilities: Tensor) -> Tensor:
        """Logits at the temperature, but for a constant a row."""
        return ops.log(ops.maximum(probabilities, keras.config.epsilon())) / self.temperature
