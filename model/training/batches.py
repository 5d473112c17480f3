"""Batches of images, patients, labels and weights for any Keras backend."""

import math

import keras
import numpy as np

from model.patient import PatientEncoder
from model.training.mix import RECIPE, draw_recipes, mix_rows

EVENED = {"subsample": np.min, "oversample": np.max}
"""Of the classes' counts, how many rows of each class an epoch shows."""


class LabelledBatches(keras.utils.PyDataset):
    """Batches ``({"image", "patient"}, labels, weights)``.

    image: uint8 (B, side, side, 3); patient: float32 (B, width); labels: one-hot float32
    (B, classes); weights: float32 (B,).
    """

    def __init__(
        self,
        images: np.ndarray,
        patients: np.ndarray,
        labels: np.ndarray,
        *,
        weights: np.ndarray,
        classes: int,
        batch_size: int,
        mixing: bool = False,
        devices: int = 1,
    ) -> None:
        """Take images (N, side, side, 3), encoded patients (N, width) and class numbers (N,).

        ``weights`` (N,) are each row's share in the loss. With ``mixing``, the inputs have a third
        entry "mix", the recipes (B, 6) of :mod:`model.training.mix`, here all zeros.
        The last rows of an epoch are left out if they cannot be dealt out evenly among the
        ``devices``, whose multiple the batch size must be.
        """
        super().__init__()
        self.images, self.patients, self.labels = images, patients, labels
        self.weights = weights.astype(np.float32)
        self.classes = classes
        self.batch_size, self.mixing = batch_size, mixing
        self.devices = devices
        self.order = np.arange(len(labels))

    def __len__(self) -> int:
        """Number of batches of an epoch; the last may be smaller."""
        return math.ceil(self._shown / self.batch_size)

    def __getitem__(self, number: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        end = min((number + 1) * self.batch_size, self._shown)
        rows = self.order[number * self.batch_size : end]
        one_hot = np.eye(self.classes, dtype=np.float32)[self.labels[rows]]
        inputs = {"image": self.images[rows], "patient": self.patients_of(rows, number)}
        if self.mixing:
            inputs["mix"] = np.zeros((len(rows), RECIPE), np.float32)
        return inputs, one_hot, self.weights[rows]

    @property
    def _shown(self) -> int:
        """Number of rows of an epoch."""
        return len(self.order) - len(self.order) % self.devices

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients of the rows of batch ``number``: float32 (B, width)."""
        return self.patients[rows]


class TrainingBatches(LabelledBatches):
    """Shuffled batches in which patient fields are forgotten at random.

    If images are to be mixed, patients, labels and weights are mixed already, images are not.

    What an epoch holds depends on ``seed`` and ``epoch`` alone; set ``epoch`` before each epoch,
    so that an interrupted training goes on with the batches that it would have had.
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        encoder: PatientEncoder,
        forget_field: float,
        forget_all: float,
        seldom: np.ndarray,
        seldom_share: float,
        seed: int,
        chances: np.ndarray | None = None,
        even: str = "",
        teacher: np.ndarray | None = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        **settings: object,
    ) -> None:
        """Take the arrays and settings of :class:`LabelledBatches`.

        Args:
            arrays: images, encoded patients and class numbers.
            encoder: of the patients.
            forget_field: probability of each field to become unknown.
            forget_all: probability of all fields of a row to become unknown.
            seldom: bool (N,), the rows of which an epoch shows a random share only.
            seldom_share: that share, from 0 to 1.
            seed: of the order, of the share, of what is forgotten and of mixing.
            chances: float (N,), if an epoch draws rows with replacement: proportional to how often
                each is drawn. Otherwise each row is shown once.
            even: if an epoch shows equally many rows of each class: ``subsample`` for as many as
                the rarest class has, ``oversample`` for as many as the most frequent one, rows of
                the others being repeated.
            teacher: probabilities (N, classes) to learn from, too, which become further columns of
                the labels.
            mixup: share of the images that are blended with another one.
            cutmix: share of the images of which a box is from another one.
            settings: weights, classes and batch_size.
        """
        super().__init__(*arrays, mixing=mixup + cutmix > 0, **settings)
        self.encoder, self.seed = encoder, seed
        self.forget_field, self.forget_all = forget_field, forget_all
        self.seldom, self.seldom_share = seldom, seldom_share
        self.chances, self.even, self.teacher = chances, even, teacher
        self.mix = {"mixup": mixup, "cutmix": cutmix}
        self._epoch = -1
        self.epoch = 0

    @property
    def epoch(self) -> int:
        """Number of the epoch whose batches are given, from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        rng, count = self._rng(0), len(self.labels)
        dropped = round((1 - self.seldom_share) * int(self.seldom.sum()))
        if self.chances is not None:
            chances = self.chances * np.where(self.seldom, self.seldom_share, 1.0)
            self.order = rng.choice(count, count - dropped, p=chances / chances.sum())
            return
        rows = rng.permutation(count)
        seen = np.cumsum(self.seldom[rows]) > dropped
        rows = rows[~self.seldom[rows] | seen]
        if self.even:
            # Shuffled again: of a frequent class only early rows may be left, of the rarest all.
            rows = rng.permutation(rows[_evened(self.labels[rows], self.even)])
        self.order = rows

    def __getitem__(self, number: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        inputs, targets, weights = super().__getitem__(number)
        if self.teacher is not None:
            rows = self.order[number * self.batch_size :][: len(weights)]
            targets = np.concatenate([targets, self.teacher[rows]], axis=1)
        if not self.mixing:
            return inputs, targets, weights
        recipes = draw_recipes(self._rng(number, 1), len(weights), **self.mix)
        inputs["mix"] = recipes
        inputs["patient"] = mix_rows(inputs["patient"], recipes)
        return inputs, mix_rows(targets, recipes), mix_rows(weights, recipes)

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients with some fields forgotten: float32 (B, width)."""
        rng = self._rng(1 + number)
        everything = rng.random(len(rows)) < self.forget_all
        masks = {
            field.key: everything | (rng.random(len(rows)) < self.forget_field)
            for field in self.encoder.fields
        }
        return self.encoder.drop(self.patients[rows], masks)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self._epoch, *stream))


def _evened(labels: np.ndarray, how: str) -> np.ndarray:
    """Positions, in their order, of equally many labels of each class, the first ones first."""
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    size = EVENED[how](counts)
    places = [np.resize(np.flatnonzero(number == one), size) for one in range(len(counts))]
    return np.sort(np.concatenate(places))


def balanced_weights(labels: np.ndarray, groups: np.ndarray, exponent: float) -> np.ndarray:
    """Weights (N,) that even out classes within each group, 1 on average over each group.

    Args:
        labels: class numbers, (N,).
        groups: of the rows, (N,), such as sources with class mixes of their own.
        exponent: weights are proportional to the class's frequency in its group to the power of
            ``-exponent``: 0 weighs all images alike, 1 all classes alike.
    """
    weights = np.empty(len(labels))
    for group in np.unique(groups):
        members = groups == group
        _, number, counts = np.unique(labels[members], return_inverse=True, return_counts=True)
        raw = counts[number].astype(float) ** -exponent
        weights[members] = raw / raw.mean()
    return weights.astype(np.float32)
