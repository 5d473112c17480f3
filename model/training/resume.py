"""Exact resume: callbacks and backups with which an interruption changes nothing."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from model.training.batches import TrainingBatches
from model.training.history import best_row
from model.training.settings import MONITORS, TrainConfig
from model.training.stages import Stage

HISTORY_FILE = "history.csv"
BEST_FILE = "best.weights.h5"

_DRAWS = 2**20  # random numbers that a layer may draw in one epoch before the next one's begin

Callback = keras.callbacks.Callback


@dataclass(frozen=True)
class Progress:
    """What a run's folder holds of a training so far."""

    out: Path

    def backup(self, stage: Stage) -> Path:
        """Folder of the stage's last weights and optimiser."""
        return self.out / "backup" / stage.name

    def done(self, stage: Stage) -> int:
        """Number of the stage's next epoch, counted over all stages; 0 if it was not begun."""
        metadata = self.backup(stage) / "training_metadata.json"
        return json.loads(metadata.read_text(encoding="utf-8"))["epoch"] if metadata.exists() else 0

    def history(self) -> pd.DataFrame:
        """One row per epoch; of one that was repeated after an interruption, the later row."""
        path = self.out / HISTORY_FILE
        # Empty if the training was killed in its first epoch.
        if not path.exists() or not path.stat().st_size:
            return pd.DataFrame(columns=["epoch", "stage", *MONITORS])
        return pd.read_csv(path).drop_duplicates("epoch", keep="last").sort_values("epoch")

    def past(self, stage: Stage) -> pd.DataFrame:
        """The history's rows of a stage that a backup follows."""
        history = self.history()
        return history[(history["stage"] == stage.number) & (history["epoch"] < self.done(stage))]

    def stopped_early(self, stage: Stage, monitor: str) -> bool:
        """Whether early stopping ended the stage."""
        past = self.past(stage).reset_index(drop=True)
        if past[monitor].isna().all():
            return False
        return len(past) - 1 - best_row(past, monitor) >= stage.patience

    def best(self, monitor: str) -> float | None:
        """Best validation so far, over all stages."""
        history = self.history()
        if history[monitor].isna().all():
            return None
        return float(history.loc[best_row(history, monitor), monitor])


def callbacks_of(
    stage: Stage,
    config: TrainConfig,
    batches: TrainingBatches,
    progress: Progress,
    *,
    further: Sequence[Callback] = (),
) -> list[Callback]:
    """All callbacks of a stage, in the order in which they see an epoch end.

    What ``further`` ones add to an epoch's logs is written to the history.
    """
    counting = _counting_epochs(stage, config)
    if config.ema:
        further = [keras.callbacks.SwapEMAWeights(), *further]
    history = progress.out / HISTORY_FILE
    return [
        NumberedEpochs(batches),
        *further,
        _LogStage(stage),
        *counting,
        _keep_best(progress, config.monitor),
        keras.callbacks.CSVLogger(history, append=history.exists()),
        *_tensorboard(progress.out),
        _ReplayEpochs(counting, progress.past(stage)),
        # Last, so that what the others wrote of an epoch is there before it counts as done.
        Backup(progress.backup(stage), delete_checkpoint=False),
    ]


def _counting_epochs(stage: Stage, config: TrainConfig) -> list[Callback]:
    """Early stopping and the plateau schedule, which count epochs without improvement."""
    mode = MONITORS[config.monitor]
    stop = keras.callbacks.EarlyStopping(config.monitor, mode=mode, patience=stage.patience)
    if stage.schedule != "plateau":
        return [stop]
    plateau = keras.callbacks.ReduceLROnPlateau(
        config.monitor,
        mode=mode,
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        min_lr=config.min_learning_rate,
    )
    return [stop, plateau]


def _keep_best(progress: Progress, monitor: str) -> Callback:
    return keras.callbacks.ModelCheckpoint(
        progress.out / BEST_FILE,
        monitor=monitor,
        mode=MONITORS[monitor],
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=progress.best(monitor),
    )


def _tensorboard(out: Path) -> list[Callback]:
    # Keras writes TensorBoard logs by way of TensorFlow. Beside another backend that would take
    # seconds to load, and the memory of the GPU.
    own = keras.backend.backend() == "tensorflow"
    return [keras.callbacks.TensorBoard(out / "logs")] if own else []


class _LogStage(Callback):
    """Logs the stage's number and the learning rate of each epoch."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs |= {"stage": self.stage.number, "learning_rate": rate}


class _ReplayEpochs(Callback):
    """Replays past epochs into early stopping and the plateau schedule on resume."""

    def __init__(self, counting: Sequence[Callback], past: pd.DataFrame) -> None:
        super().__init__()
        self.counting, self.past = counting, past

    def on_train_begin(self, logs: dict | None = None) -> None:
        for row in self.past.to_dict("records"):
            for callback in self.counting:
                callback.on_epoch_end(int(row["epoch"]), dict(row))
        self.model.stop_training = False


class Backup(keras.callbacks.BackupAndRestore):
    """Replaces the previous backup atomically, so that a kill or a full disk never leaves none.

    Keras' own overwrites the only one: a kill at that moment loses all epochs.
    """

    def _save_model(self) -> None:
        weights = Path(self._weights_path)
        weights.parent.mkdir(parents=True, exist_ok=True)
        partial = weights.with_name("next.weights.h5")
        metadata = Path(self._training_metadata_path)
        described = metadata.with_suffix(".part")
        position = {"epoch": self._current_epoch, "batch": self._last_batch_seen}
        try:
            self.model.save_weights(partial, overwrite=True)
            described.write_text(json.dumps(position), encoding="utf-8")
            os.replace(partial, weights)
            os.replace(described, metadata)
        finally:
            partial.unlink(missing_ok=True)


class NumberedEpochs(keras.callbacks.Callback):
    """Sets batches, augmentation and dropout to the epoch that begins.

    Keras restores weights after an interruption, but no random states. Pass ``shuffle=False`` to
    ``fit``, which otherwise shuffles the order of the batches by a random state of its own.
    """

    def __init__(self, batches: TrainingBatches) -> None:
        """Take the batches that are trained on."""
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the epoch's number."""
        self.batches.epoch = epoch
        for variable in self.model.non_trainable_variables:
            if variable.name == "seed_generator_state":  # (seed, numbers drawn so far)
                seed = keras.ops.convert_to_numpy(variable)[0]
                variable.assign(np.array([seed, epoch * _DRAWS % 2**31], variable.dtype))
