"""The parts of a split, as arrays or as framed photographs, and batches of them for Keras."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image

from model.data.cache import cached_images
from model.data.context import table_patients
from model.frame import Frame, crop_frame
from model.image import read_image
from model.inference.finder import LesionFinder
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.augmentation import (
    MIXUP_COLUMNS,
    draw_artefacts,
    draw_mixup,
    mix_rows,
    random_appearance,
)
from model.training.settings import TrainConfig

_JITTER = 0.02  # standard deviation of a box's edges, as a share of the lesion's longer side
_STRETCH = 0.05  # of the logarithm of the aspect ratio
_STRETCH_OF_SQUARE = 0.12  # a square photograph may have been squeezed


@dataclass(frozen=True)
class FramedPhotographs:
    """Photographs in a frame around their lesion, read from their files anew for each batch.

    ``photographs[rows]`` gives uint8 (B, side, side, 3), like an array of prepared images, in the
    frame of the middle scale.
    """

    paths: Sequence[Path]
    boxes: np.ndarray  # (N, 4): x0, y0, x1, y1 in pixels of the upright photograph
    config: TrainConfig

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.paths)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """The frames of some rows, at the geometric mean of ``frame_low`` and ``frame_high``."""
        scale = float(np.sqrt(self.config.frame_low * self.config.frame_high))
        return np.stack([self._frame(row, scale) for row in rows])

    def at_random(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames at random scale, place, angle and aspect ratio, with random appearance."""
        return np.stack([self._random_frame(row, rng) for row in rows])

    def _frame(self, row: int, scale: float) -> np.ndarray:
        frame = Frame.around(tuple(self.boxes[row]), scale)
        return np.asarray(crop_frame(read_image(self.paths[row]), frame, self.config.image_side))

    def _random_frame(self, row: int, rng: np.random.Generator) -> np.ndarray:
        image, config = read_image(self.paths[row]), self.config
        box = self.boxes[row]
        spread = _STRETCH_OF_SQUARE if image.width == image.height else _STRETCH
        if config.crop_margin and rng.random() < config.crop_margin:
            image, box = _with_less_margin(image, box, rng)
        longer = max(box[2] - box[0], box[3] - box[1])
        box = box + rng.normal(0, _JITTER * longer, 4)
        scale = np.exp(rng.uniform(*np.log((config.frame_low, config.frame_high))))
        frame = Frame.around(tuple(map(float, box)), float(scale))
        x, y = np.array([frame.x, frame.y]) + rng.normal(0, config.shift, 2) * frame.side
        frame = Frame(float(x), float(y), frame.side)
        square = crop_frame(
            image,
            frame,
            config.image_side,
            angle=float(rng.uniform(-180, 180)),
            stretch=float(np.exp(rng.normal(0, spread))),
        )
        if rng.random() < config.artefacts:
            square = draw_artefacts(square, rng)
        square = random_appearance(square, rng)
        if rng.random() < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(square)


def _with_less_margin(
    image: Image.Image, box: np.ndarray, rng: np.random.Generator
) -> tuple[Image.Image, np.ndarray]:
    """Crop each edge of a photograph towards the lesion, at most to its box."""
    left, top, right, bottom = box.clip(0, [*image.size, *image.size])
    kept = rng.uniform(0, 1, 4)
    x0, y0 = int(left * kept[0]), int(top * kept[1])
    x1 = math.ceil(right + (image.width - right) * kept[2])
    y1 = math.ceil(bottom + (image.height - bottom) * kept[3])
    return image.crop((x0, y0, x1, y1)), box - [x0, y0, x0, y0]


RESAMPLED = {"subsample": np.min, "oversample": np.max}
"""From the counts of the classes to how many rows of each an epoch shows."""


class LabelledBatches(keras.utils.PyDataset):
    """Batches ``({"image", "patient"}, labels, weights)``.

    image: uint8 (B, side, side, 3); patient: float32 (B, width); labels: one-hot float32
    (B, classes); weights: float32 (B,).
    """

    def __init__(
        self,
        images: np.ndarray | FramedPhotographs,
        patients: np.ndarray,
        labels: np.ndarray,
        *,
        weights: np.ndarray,
        classes: int,
        batch_size: int,
        coarse: np.ndarray | None = None,
        mixing: bool = False,
        devices: int = 1,
    ) -> None:
        """Take images (N, side, side, 3), encoded patients (N, width) and label numbers (N,).

        Numbers below ``classes`` are classes, those from there on rows of ``coarse``, bool (labels,
        classes): the classes that a coarse label leaves open.

        ``weights`` (N,) are sample weights of the loss. With ``mixing``, the inputs have a third
        entry "mix", of :func:`model.training.augmentation.draw_mixup`, here all zeros.
        The last rows of an epoch are dropped if they cannot be shared evenly among the
        ``devices``; the batch size must be a multiple of their number.
        """
        framed = isinstance(images, FramedPhotographs)
        super().__init__(workers=2 if framed else 1, max_queue_size=8)
        self.images, self.patients, self.labels = images, patients, labels
        self.weights = weights.astype(np.float32)
        self.classes = classes
        one_hot = np.eye(classes, dtype=np.float32)
        self.targets = one_hot if coarse is None else np.vstack([one_hot, coarse]).astype("float32")
        self.batch_size, self.mixing = batch_size, mixing
        self.devices = devices
        self.order = np.arange(len(labels))

    def __len__(self) -> int:
        """Number of batches of an epoch; the last may be smaller."""
        return math.ceil(self._rows_per_epoch / self.batch_size)

    def __getitem__(self, number: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        end = min((number + 1) * self.batch_size, self._rows_per_epoch)
        rows = self.order[number * self.batch_size : end]
        inputs = {"image": self.images_of(rows, number), "patient": self.patients_of(rows, number)}
        if self.mixing:
            inputs["mix"] = np.zeros((len(rows), MIXUP_COLUMNS), np.float32)
        return inputs, self.targets[self.labels[rows]], self.weights[rows]

    @property
    def has_coarse_labels(self) -> bool:
        """Whether some labels stand for several classes."""
        return len(self.targets) > self.classes

    @property
    def _rows_per_epoch(self) -> int:
        """Number of rows of an epoch."""
        return len(self.order) - len(self.order) % self.devices

    def images_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Images of the rows of batch ``number``: uint8 (B, side, side, 3)."""
        return self.images[rows]

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients of the rows of batch ``number``: float32 (B, width)."""
        return self.patients[rows]


class TrainingBatches(LabelledBatches):
    """Shuffled batches with metadata dropout: fields become unknown at random.

    With mixup, patients, labels and weights are mixed here, images on the training device.

    What an epoch holds depends on ``seed`` and ``epoch`` alone; set ``epoch`` before each epoch,
    so that a resumed training gets the same batches as an uninterrupted one.
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        encoder: PatientEncoder,
        metadata_dropout_field: float,
        metadata_dropout_all: float,
        subsample_mask: np.ndarray,
        subsample_share: float,
        seed: int,
        sampling_weights: np.ndarray | None = None,
        resample: str = "",
        teacher: np.ndarray | None = None,
        mixup: float = 0.0,
        paired: bool = False,
        **settings: object,
    ) -> None:
        """Take the arrays and settings of :class:`LabelledBatches`.

        Args:
            arrays: images, encoded patients and class numbers.
            encoder: of the patients.
            metadata_dropout_field: probability of each field to become unknown.
            metadata_dropout_all: probability of all fields of a row to become unknown.
            subsample_mask: bool (N,), rows of which an epoch shows a random share only.
            subsample_share: that share, from 0 to 1.
            seed: of order, subsample, metadata dropout and mixup.
            sampling_weights: float (N,), to draw rows with replacement in proportion to them.
                Without, each row is shown once.
            resample: to show equally many rows of each class: ``subsample`` for as many as the
                rarest class has, ``oversample`` for as many as the most frequent one, with rows of
                the others repeated.
            teacher: soft labels (N, classes) for distillation, which become further columns of the
                labels.
            mixup: share of the images that are blended with another one.
            paired: to show each image twice in its batch, the second time half a batch later, with
                the same metadata; random frames and augmentation make two views of it.
            settings: weights, classes and batch_size.
        """
        super().__init__(*arrays, mixing=mixup > 0, **settings)
        self.encoder, self.seed = encoder, seed
        self.metadata_dropout_field = metadata_dropout_field
        self.metadata_dropout_all = metadata_dropout_all
        self.subsample_mask, self.subsample_share = subsample_mask, subsample_share
        self.sampling_weights, self.resample = sampling_weights, resample
        self.teacher, self.mixup, self.paired = teacher, mixup, paired
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
        dropped = round((1 - self.subsample_share) * int(self.subsample_mask.sum()))
        if self.sampling_weights is not None:
            weights = self.sampling_weights * np.where(
                self.subsample_mask, self.subsample_share, 1.0
            )
            self._show(rng.choice(count, count - dropped, p=weights / weights.sum()))
            return
        rows = rng.permutation(count)
        seen = np.cumsum(self.subsample_mask[rows]) > dropped
        rows = rows[~self.subsample_mask[rows] | seen]
        if self.resample:
            # Shuffled again: of a frequent class only early rows may be left, of the rarest all.
            rows = rng.permutation(rows[_equal_per_class(self.labels[rows], self.resample)])
        self._show(rows)

    def _show(self, rows: np.ndarray) -> None:
        if self.paired:
            rows = rows[: len(rows) - len(rows) % self.devices]
            half = self.batch_size // 2
            chunks = [rows[start : start + half] for start in range(0, len(rows), half)]
            rows = np.concatenate([np.tile(chunk, 2) for chunk in chunks])
        self.order = rows

    def __getitem__(self, number: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        inputs, targets, weights = super().__getitem__(number)
        if self.teacher is not None:
            rows = self.order[number * self.batch_size :][: len(weights)]
            targets = np.concatenate([targets, self.teacher[rows]], axis=1)
        if not self.mixing:
            return inputs, targets, weights
        partners = draw_mixup(self._rng(number, 1), len(weights), share=self.mixup)
        inputs["mix"] = partners
        inputs["patient"] = mix_rows(inputs["patient"], partners)
        return inputs, mix_rows(targets, partners), mix_rows(weights, partners)

    def images_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Images of the rows, photographs in random frames."""
        if isinstance(self.images, FramedPhotographs):
            return self.images.at_random(rows, self._rng(number, 2))
        return self.images[rows]

    def patients_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Encoded patients with some fields dropped: float32 (B, width)."""
        rng = self._rng(1 + number)
        views = 2 if self.paired else 1
        images = len(rows) // views
        everything = rng.random(images) < self.metadata_dropout_all
        masks = {
            field.key: np.tile(
                everything | (rng.random(images) < self.metadata_dropout_field), views
            )
            for field in self.encoder.fields
        }
        return self.encoder.drop(self.patients[rows], masks)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self._epoch, *stream))


def _equal_per_class(labels: np.ndarray, how: str) -> np.ndarray:
    """Positions, sorted, of equally many labels of each class: its first ones."""
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    size = RESAMPLED[how](counts)
    places = [np.resize(np.flatnonzero(number == one), size) for one in range(len(counts))]
    return np.sort(np.concatenate(places))


def balanced_weights(labels: np.ndarray, groups: np.ndarray, exponent: float) -> np.ndarray:
    """Weights (N,) that even out classes within each group, 1 on average over each group.

    Args:
        labels: class numbers, (N,).
        groups: of the rows, (N,), such as sources with class mixes of their own.
        exponent: weights are proportional to the class's frequency in its group to the power of
            ``-exponent``: 0 weighs all images equally, 1 all classes equally.
    """
    weights = np.empty(len(labels))
    for group in np.unique(groups):
        members = groups == group
        _, number, counts = np.unique(labels[members], return_inverse=True, return_counts=True)
        raw = counts[number].astype(float) ** -exponent
        weights[members] = raw / raw.mean()
    return weights.astype(np.float32)


SMALL = 2 / 3
"""Of ``image_side``; a photograph with a shorter side below it is small.

Well below 1, since a photograph that is enlarged a little is nearly as sharp as another: of those
that the shipped network was trained on, with shorter sides of 84 and 150 px, only the former are
small for a network with an input of 128 to 224 px.
"""


@dataclass(frozen=True)
class Part:
    """One part of the data as arrays, rows in the same order."""

    images: (
        np.ndarray | FramedPhotographs
    )  # uint8 (N, side, side, 3), or a backbone's features (N, ...)
    patients: np.ndarray  # float32 (N, width)
    labels: np.ndarray  # class numbers (N,), or further ones for the rows of ``coarse``
    sources: np.ndarray  # str (N,)
    small: np.ndarray  # bool (N,): see SMALL
    coarse: np.ndarray | None = None  # bool (labels, classes): what a coarse label leaves open


def load_part(
    table: pd.DataFrame, encoder: PatientEncoder, config: TrainConfig, task: Task, cache_dir: Path
) -> Part:
    """Prepare the images, patients and labels of a table's rows.

    Raises:
        ConfigError: a diagnosis that the task has no class for.
    """
    labels, coarse = task.open_labels(table["diagnosis"].tolist())
    return Part(
        load_images(table["path"].tolist(), config, cache_dir=cache_dir),
        encoder.encode(table_patients(table, encoder.fields)),
        labels,
        sources=table["source"].to_numpy(str),
        small=small_images(table, config.image_side),
        coarse=coarse,
    )


def load_images(
    paths: list[Path], config: TrainConfig, *, cache_dir: Path
) -> np.ndarray | FramedPhotographs:
    """Prepared photographs, uint8 (N, side, side, 3), or frames around lesions, found first."""
    if config.finder_file is None:
        return cached_images(paths, config.preprocessor, cache_dir=cache_dir)
    boxes = LesionFinder.load(config.finder_file).boxes(paths, cache_dir=cache_dir)
    return FramedPhotographs(paths, boxes, config)


def small_images(table: pd.DataFrame, image_side: int) -> np.ndarray:
    """Which files are much smaller than the network's input: bool (N,)."""
    shorter = table[["width", "height"]].min(axis=1)
    return (shorter < SMALL * image_side).to_numpy()
