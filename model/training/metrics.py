"""Balanced accuracy as a Keras metric, for validation during training."""

import keras
from keras import ops


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
