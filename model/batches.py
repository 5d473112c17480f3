"""Batches of images, patients, labels and weights for any Keras backend."""

import math

import keras
import numpy as np

from model.patient import FIELDS, PatientEncoder


class LabelledBatches(keras.utils.PyDataset):
    """Batches ``({"image", "patient"}, labels, weights)``.

    image: uint8 (B, side, side, 3); patient: float32 (B, width); labels: one-hot float32
    (B, classes); weights: float32 (B,), the weight of each row's class.
    """

    def __init__(
        self,
        images: np.ndarray,
        patients: np.ndarray,
        labels: np.ndarray,
        *,
        class_weights: np.ndarray,
        batch_size: int,
    ) -> None:
        """Take images (N, side, side, 3), encoded patients (N, width) and class numbers (N,)."""
        super().__init__()
        self.images, self.patients, self.labels = images, patients, labels
        self.class_weights = class_weights.astype(np.float32)
        self.batch_size = batch_size
        self.order = np.arange(len(labels))

    def __len__(self) -> int:
        """Number of batches of an epoch; the last may be smaller."""
        return math.ceil(len(self.labels) / self.batch_size)

    def __getitem__(self, number: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        rows = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        # In the order of the file, since the images may lie on disk.
        rows = np.sort(rows)
        labels = self.labels[rows]
        one_hot = np.eye(len(self.class_weights), dtype=np.float32)[labels]
        inputs = {"image": self.images[rows], "patient": self.patients_of(rows, number)}
        return inputs, one_hot, self.class_weights[labels]

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients of the rows of batch ``number``: float32 (B, width)."""
        return self.patients[rows]


class TrainingBatches(LabelledBatches):
    """Shuffled batches in which patient fields are forgotten at random.

    What an epoch holds depends on ``seed`` and ``epoch`` alone; set ``epoch`` before each epoch,
    so that an interrupted training goes on with the batches that it would have had.
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        encoder: PatientEncoder,
        forget_field: float,
        forget_all: float,
        seed: int,
        **settings: object,
    ) -> None:
        """Take the arrays and settings of :class:`LabelledBatches`.

        Args:
            arrays: images, encoded patients and class numbers.
            encoder: of the patients.
            forget_field: probability of each field to become unknown.
            forget_all: probability of all fields of a row to become unknown.
            seed: of the order and of what is forgotten.
            settings: class_weights and batch_size.
        """
        super().__init__(*arrays, **settings)
        self.encoder, self.seed = encoder, seed
        self.forget_field, self.forget_all = forget_field, forget_all
        self._epoch = -1
        self.epoch = 0

    @property
    def epoch(self) -> int:
        """Number of the epoch whose batches are given, from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self.order = self._rng(0).permutation(len(self.labels))

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients with some fields forgotten: float32 (B, width)."""
        rng = self._rng(1 + number)
        everything = rng.random(len(rows)) < self.forget_all
        masks = {f: everything | (rng.random(len(rows)) < self.forget_field) for f in FIELDS}
        return self.encoder.forget(self.patients[rows], masks)

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self._epoch, stream))


def balanced_class_weights(labels: np.ndarray, classes: int, exponent: float) -> np.ndarray:
    """Weights (classes,) proportional to frequency ** -exponent, 1 on average over the labels.

    Exponent 0 weighs all images alike, 1 all classes alike. A class without an image gets 0.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -exponent, 0.0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
