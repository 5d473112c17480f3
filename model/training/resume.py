"""What happens around the epochs of a training, so that an interruption changes nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd

from model.training.backup import Backup
from model.training.batches import TrainingBatches
from model.training.epochs import NumberedEpochs
from model.training.monitor import MONITORS, best_row
from model.training.settings import TrainConfig
from model.training.stages import Stage

HISTORY_FILE = "history.csv"
BEST_FILE = "best.weights.h5"

Callback = keras.callbacks.Callback


@dataclass(frozen=True)
class Progress:
    """What a folder holds of a training so far."""

    out: Path

    def backup(self, stage: Stage) -> Path:
        """Folder of the stage's last weights and optimiser."""
        return self.out / "backup" / stage.name

    def done(self, stage: Stage) -> int:
        """Number of the stage's next epoch, counted over all stages; 0 if it was not begun."""
        metadata = self.backup(stage) / "training_metadata.json"
        return json.loads(metadata.read_text())["epoch"] if metadata.exists() else 0

    def history(self) -> pd.DataFrame:
        """One row an epoch; of one that was run again after an interruption, the later."""
        path = self.out / HISTORY_FILE
        # Empty if the training was killed in its first epoch.
        if not path.exists() or not path.stat().st_size:
            return pd.DataFrame(columns=["epoch", "stage", *MONITORS])
        return pd.read_csv(path).drop_duplicates("epoch", keep="last").sort_values("epoch")

    def past(self, stage: Stage) -> pd.DataFrame:
        """The history's rows of a stage that a backup follows."""
        history = self.history()
        return history[(history["stage"] == stage.number) & (history["epoch"] < self.done(stage))]

    def stopped(self, stage: Stage, monitor: str) -> bool:
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

    What ``further`` ones add to an epoch's figures is written to the history.
    """
    watching = _watching(stage, config)
    if config.ema:
        further = [keras.callbacks.SwapEMAWeights(), *further]
    history = progress.out / HISTORY_FILE
    return [
        NumberedEpochs(batches),
        *further,
        _Notes(stage),
        *watching,
        _keep_best(progress, config.monitor),
        keras.callbacks.CSVLogger(history, append=history.exists()),
        *_tensorboard(progress.out),
        _Remember(watching, progress.past(stage)),
        # Last, so that what the others wrote of an epoch is there before it counts as done.
        Backup(progress.backup(stage), delete_checkpoint=False),
    ]


def _watching(stage: Stage, config: TrainConfig) -> list[Callback]:
    """Those that count the epochs without a better validation."""
    mode = MONITORS[config.monitor]
    stop = keras.callbacks.EarlyStopping(config.monitor, mode=mode, patience=stage.patience)
    if stage.schedule != "plateau":
        return [stop]
    slow_down = keras.callbacks.ReduceLROnPlateau(
        config.monitor,
        mode=mode,
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        min_lr=config.smallest_rate,
    )
    return [stop, slow_down]


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


class _Notes(Callback):
    """Adds the stage's number and the learning rate to an epoch's figures."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs |= {"stage": self.stage.number, "learning_rate": rate}


class _Remember(Callback):
    """Shows the epochs before an interruption to those who count epochs."""

    def __init__(self, watching: Sequence[Callback], past: pd.DataFrame) -> None:
        super().__init__()
        self.watching, self.past = watching, past

    def on_train_begin(self, logs: dict | None = None) -> None:
        for row in self.past.to_dict("records"):
            for callback in self.watching:
                callback.on_epoch_end(int(row["epoch"]), dict(row))
        self.model.stop_training = False
