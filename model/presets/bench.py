"""Presets trained one after another on one split, and evaluated on one part of it."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import keras
import numpy as np
import pandas as pd

from model.data.context import table_patients
from model.data.dataset import Dataset
from model.data.split import Split
from model.evaluation.intervals import LesionBootstrap, interval
from model.evaluation.outcome import majority_predictions, task_figures
from model.networks.backbone_names import ANY_MOBILENET, SMALLEST_SIDE
from model.patient import PatientEncoder
from model.presets.preset import Preset, load_preset
from model.training.batches import load_part
from model.training.history import best_row, draw_curves
from model.training.resume import HISTORY_FILE, Callback, Progress
from model.training.settings import TrainConfig
from model.training.stages import set_trainable, stages_of
from model.training.train import train

CURVES = ("accuracy", "loss", "val_accuracy", "val_loss")
"""Columns of a history that are reported, of the epoch whose weights are kept."""

CURVES_FILE = "curves.png"


@dataclass(frozen=True)
class Bench:
    """What is the same for all presets.

    ``out`` gets one folder per preset, with what a training writes, its curves and, for each part
    that it was evaluated on, a file of figures. What is there is not done again.
    """

    dataset: Dataset
    split: Split
    part: str  # evaluated on
    budget: int  # epochs
    side: int | None  # largest side of the images in pixels; None for each preset's own
    weights_dir: Path | None  # of files such as vgg16_notop.weights.h5
    download: bool  # whether Keras may fetch ImageNet weights
    untrained: bool  # random weights where those of ImageNet are unavailable
    out: Path
    cache_dir: Path
    task: str | None = None  # None for each preset's own

    def config(self, preset: Preset) -> TrainConfig | None:
        """A preset's settings within the budget; None if its ImageNet weights are unavailable."""
        own = preset.config()
        weights = own.weights
        if weights == "imagenet" and self.weights_dir:
            file = self.weights_dir / f"{own.backbone}_notop.weights.h5"
            weights = str(file) if file.is_file() else weights
        if weights == "imagenet" and not self.download:
            if not self.untrained:
                return None
            weights = "none"
        return preset.config(
            weights=weights,
            epochs=self.budget,
            head_epochs=_head_epochs(own, self.budget),
            image_side=fitting_side(own, self.side),
            task=self.task or own.task,
        )

    def result(self, preset: Preset) -> dict:
        """Train and evaluate a preset, or read what an earlier call found.

        Raises:
            ConfigError: its folder holds a training with other settings or another split, or its
                teacher's weights are unavailable.
        """
        network, folder = self.trained(preset), self.out / preset.name
        file = folder / f"{self.part}.json"
        if not file.exists():
            found = {"preset": preset.name} | self._evaluate(network, preset)
            self._draw(preset)
            file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        keras.utils.clear_session()
        return json.loads(file.read_text(encoding="utf-8"))

    def majority(self, task: str) -> dict:
        """Figures of predicting the most frequent class of the training part for every image."""
        rows = self.rows(self.part)
        predicted = majority_predictions(self.dataset.task(task), self.rows("train"), len(rows))
        return self._figures(task, rows, predicted)

    def predict(self, network: keras.Model, preset: Preset, part: str) -> np.ndarray:
        """Probabilities of a part's images, in the table's order: float32 (N, classes)."""
        config = self.config(preset)
        task = self.dataset.task(config.task)
        encoder = PatientEncoder.fit(table_patients(self.rows("train")))
        data = load_part(self.rows(part), encoder, config, task, self.cache_dir)
        batches = (
            {"image": data.images[rows], "patient": data.patients[rows]}
            for rows in np.array_split(np.arange(len(data.labels)), -(-len(data.labels) // 32))
        )
        return np.concatenate([network.predict_on_batch(batch) for batch in batches])

    def rows(self, part: str) -> pd.DataFrame:
        """A part's rows of the table."""
        return self.split.part(part, self.dataset.table)

    def trained(self, preset: Preset) -> keras.Model:
        """Train a preset, or load what an earlier call trained.

        Raises:
            ConfigError: as ``result``.
        """
        network, _ = train(
            self.dataset,
            self.split,
            self.config(preset),
            out=self.out / preset.name,
            cache_dir=self.cache_dir,
            callbacks=[EpochSeconds()],
            teacher=self._soft_labels(preset),
        )
        return network

    def _soft_labels(self, preset: Preset) -> np.ndarray | None:
        """What a preset's teacher predicts on the training part."""
        if not preset.teacher:
            return None
        teacher = load_preset(preset.teacher)
        return self.predict(self.trained(teacher), teacher, "train")

    def _evaluate(self, network: keras.Model, preset: Preset) -> dict:
        config, rows = self.config(preset), self.rows(self.part)
        history = Progress(self.out / preset.name).history()
        best = history.loc[best_row(history, config.monitor)]
        return {
            "config": config.model_dump(),
            "parameters": network.count_params(),
            "trainable": trainable_weights(network, config),
            "epochs": len(history),
            "best_epoch": int(best["epoch"]) + 1,
            "seconds": float(history["seconds"].sum()),
            "curves": {name: float(best[name]) for name in CURVES},
            "figures": self._figures(config.task, rows, self.predict(network, preset, self.part)),
        }

    def _draw(self, preset: Preset) -> None:
        config, folder = self.config(preset), self.out / preset.name
        chosen = {"keep": config.keep, "monitor": config.monitor}
        draw_curves(folder / HISTORY_FILE, folder / CURVES_FILE, **chosen)

    def _figures(self, task: str, rows: pd.DataFrame, predicted: np.ndarray) -> dict:
        bootstrap = LesionBootstrap(rows["lesion_id"])
        found = task_figures(self.dataset.task(task), rows, predicted, bootstrap)
        return {key: interval(draws) for key, draws in found.items()}


class EpochSeconds(Callback):
    """Logs the seconds of an epoch, validation included."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self.began = monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop it."""
        logs["seconds"] = monotonic() - self.began


def trainable_weights(network: keras.Model, config: TrainConfig, stage: int = -1) -> int:
    """Number of trainable weights in a stage, the last by default; freezes the others."""
    set_trainable(network, stages_of(config)[stage], config)
    return sum(math.prod(weight.shape) for weight in network.trainable_variables)


def fitting_side(config: TrainConfig, side: int | None) -> int:
    """The config's side, reduced to ``side`` pixels as far as its backbone can be."""
    smallest = SMALLEST_SIDE.get(config.backbone, SMALLEST_SIDE[ANY_MOBILENET])
    return min(config.image_side, max(side or config.image_side, smallest))


def with_fewer(split: Split, table: pd.DataFrame, limit: int | None, *, seed: int = 0) -> Split:
    """Keep at most so many of the table's training images, drawn at random."""
    images = split.part("train", table)["image"].to_numpy(str)
    if limit is None or limit >= len(images):
        return split
    kept = np.random.default_rng(seed).choice(images, limit, replace=False)
    return replace(split, train=tuple(sorted(kept.tolist())))


def _head_epochs(config: TrainConfig, budget: int) -> int:
    """The head's share of the budget, at least one epoch if it has any."""
    share = round(budget * config.head_epochs / config.epochs)
    return max(share, min(config.head_epochs, 1))
