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

SMALL = 2 / 3
"""Of ``image_side``; a photograph with a shorter side below it is small.

Well below 1, since a photograph that is enlarged a little is nearly as sharp as another: of those
that the shipped network was trained on, with shorter sides of 84 and 150 px, only the former are
small for a network that sees 128 to 224 px.
"""


@dataclass(frozen=True)
class Part:
    """One part of the data as arrays, rows in the same order."""

    images: np.ndarray  # uint8 (N, side, side, 3), or features of a frozen backbone (N, ...)
    patients: np.ndarray  # float32 (N, width)
    labels: np.ndarray  # class numbers (N,)
    sources: np.ndarray  # str (N,)
    small: np.ndarray  # bool (N,): see SMALL


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
        encoder.encode(table_patients(table, encoder.fields)),
        labels,
        sources=table["source"].to_numpy(str),
        small=small_images(table, config.image_side),
    )


def small_images(table: pd.DataFrame, image_side: int) -> np.ndarray:
    """Tell which files are much smaller than what the network sees: bool (N,)."""
    shorter = table[["width", "height"]].min(axis=1)
    return (shorter < SMALL * image_side).to_numpy()
