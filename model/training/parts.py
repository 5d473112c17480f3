"""The parts of a split as arrays, ready for training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model.data.cache import cached_images
from model.data.dataset import table_patients
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.config import TrainConfig


@dataclass(frozen=True)
class Part:
    """One part of the data as arrays, rows in the same order."""

    images: np.ndarray  # uint8 (N, side, side, 3), or features of a frozen backbone (N, ...)
    patients: np.ndarray  # float32 (N, width)
    labels: np.ndarray  # class numbers (N,)
    sources: np.ndarray  # str (N,)
    small: np.ndarray  # bool (N,): the file has fewer pixels than the network sees


def load_part(
    table: pd.DataFrame, encoder: PatientEncoder, config: TrainConfig, task: Task, cache_dir: Path
) -> Part:
    """Prepare the images, patients and labels of a table's rows.

    Raises:
        ConfigError: a diagnosis that the task has no class for.
    """
    labels = task.labels(table["diagnosis"].tolist())
    return Part(
        cached_images(table["path"].tolist(), config.preprocessor, cache_dir=cache_dir),
        encoder.encode(table_patients(table)),
        labels,
        sources=table["source"].to_numpy(str),
        small=(table[["width", "height"]].min(axis=1) < config.image_side).to_numpy(),
    )
