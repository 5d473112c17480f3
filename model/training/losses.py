"""Losses by name, for softmax outputs, one-hot or mixed labels and sample weights, and the metric.

In distillation, the labels have the teachers' probabilities as further columns.
"""

import keras
from keras import ops

from model.training.settings import TrainConfig

Tensor = keras.KerasTensor


def loss_of(config: TrainConfig) -> keras.losses.Loss:
    """The loss that the config names."""
    smoothing = {"label_smoothing": config.label_smoothing}
    if config.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(1.0, config.focal_gamma, **smoothing)
    return keras.losses.CategoricalCrossentropy(**smoothing)


class PartialCrossentropy(keras.losses.Loss):
    """Cross-entropy of labels that may leave open which of several classes it is.

    ``-log(sum of the probabilities of the classes left open)``; of one-hot labels it is the usual
    cross-entropy. Labels are (B, classes) of zeros and ones.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        """Spread this share of the probability mass over all classes, from 0 to below 1."""
        super().__init__(name="partial_crossentropy")
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss per image, (B,)."""
        floor = keras.config.epsilon()
        probabilities = ops.maximum(y_pred, floor)
        open_sum = ops.maximum(ops.sum(y_true * y_pred, axis=-1), floor)
        spread = -ops.mean(ops.log(probabilities), axis=-1)
        return -(1 - self.label_smoothing) * ops.log(open_sum) + self.label_smoothing * spread


class Distilled(keras.losses.Loss):
    """A loss of the labels and of the teachers' softened predictions (Hinton et al. 2015).

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
        """One loss per image, (B,)."""
        of_labels = self.loss.call(y_true[:, : self.classes], y_pred)
        if y_true.shape[-1] == self.classes:
            return of_labels
        taught = ops.softmax(self._soft(y_true[:, self.classes :]))
        found = self._soft(y_pred)
        of_teachers = keras.losses.categorical_crossentropy(taught, found, from_logits=True)
        return (1 - self.weight) * of_labels + self.weight * self.temperature**2 * of_teachers

    def _soft(self, probabilities: Tensor) -> Tensor:
        """Logits at the temperature, up to a constant per row."""
        return ops.log(ops.maximum(probabilities, keras.config.epsilon())) / self.temperature


class ConsistencyPenalty(keras.layers.Layer):
    """Passes probabilities on, and in training adds a loss: how far those of paired views differ.

    Half the sum of the Kullback-Leibler divergences of either from the other, the penalty of R-Drop
    (Liang et al. 2021, arXiv:2106.14448, equation 2), here of two random views rather than two
    draws of dropout.
    """

    def __init__(self, weight: float, **settings: object) -> None:
        """Take the penalty's weight beside the loss of the labels."""
        super().__init__(**settings)
        self.weight = weight

    def call(self, probabilities: Tensor, training: bool | None = None) -> Tensor:
        """Take (B, classes), image n's second view at n + B / 2."""
        if training:
            first, second = ops.split(probabilities, 2)
            floor = keras.config.epsilon()
            ratio = ops.log(ops.maximum(first, floor)) - ops.log(ops.maximum(second, floor))
            divergences = ops.sum((first - second) * ratio, axis=-1)
            self.add_loss(self.weight * ops.mean(divergences) / 2)
        return probabilities


class BalancedAccuracy(keras.metrics.Metric):
    """Mean recall over the classes that have images so far; 0 before the first image.

    Takes one-hot labels and scores, both of shape (B, classes), and ignores sample weights and
    further columns of the labels.
    """

    def __init__(self, classes: int, name: str = "balanced_accuracy") -> None:
        """Count hits for this many classes."""
        super().__init__(name=name)
        self.hits = self.add_weight(shape=(classes,), initializer="zeros", name="hits")
        self.images = self.add_weight(shape=(classes,), initializer="zeros", name="images")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> None:
        """Add a batch."""
        y_true = y_true[:, : self.hits.shape[0]]
        truth = ops.one_hot(ops.argmax(y_true, axis=-1), self.hits.shape[0])
        hit = ops.cast(ops.argmax(y_true, axis=-1) == ops.argmax(y_pred, axis=-1), "float32")
        self.images.assign_add(ops.sum(truth, axis=0))
        self.hits.assign_add(ops.sum(truth * hit[:, None], axis=0))

    def result(self) -> keras.KerasTensor:
        """Mean recall, a scalar in [0, 1]."""
        recall = self.hits / ops.maximum(self.images, 1.0)
        present = ops.sum(ops.cast(self.images > 0, "float32"))
        return ops.sum(recall) / ops.maximum(present, 1.0)
