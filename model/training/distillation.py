"""Knowledge distillation: soft labels of trained networks, the teachers, for a student.

Hinton, Vinyals & Dean 2015, arXiv:1503.02531. The loss is :class:`model.training.losses.Distilled`.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from model.data.cache import cached_array
from model.data.context import table_patients
from model.data.dataset import Dataset
from model.data.split import Split
from model.data.tables import name_some
from model.errors import ConfigError, SplitError
from model.inference.bundle import Manifest, read_manifest
from model.inference.predictor import Predictor
from model.tasks import Task


def soft_labels(
    teachers: Sequence[Path], dataset: Dataset, split: Split, task: Task, *, cache_dir: Path
) -> np.ndarray:
    """Mean of the teachers' probabilities: float32 (N, classes), columns in the task's order.

    One row each of ``split.part("train", dataset.table)``, in its order. The mean is arithmetic, as
    in test-time augmentation: a diagnosis is ruled out only where every teacher rules it out.
    Each teacher predicts once, calibrated, on images without augmentation and with all metadata;
    its predictions are cached in ``cache_dir``.

    Raises:
        BundleError: a teacher is missing or damaged.
        ConfigError: a teacher predicts other classes than the task's.
        SplitError: a teacher was trained on lesions that the split holds out.
        ImageError: an image cannot be read.
    """
    for teacher in teachers:
        check_teacher(teacher, read_manifest(teacher), dataset, split, task)
    table = split.part("train", dataset.table)
    predicted = [_predictions(teacher, table, task, cache_dir) for teacher in teachers]
    return np.mean(predicted, axis=0, dtype=np.float32)


def check_teacher(
    teacher: Path, manifest: Manifest, dataset: Dataset, split: Split, task: Task
) -> None:
    """Check that a teacher's predictions can be used, by its manifest.

    Raises:
        ConfigError: it predicts other classes than the task's.
        SplitError: it was trained on lesions that the split holds out.
    """
    if set(manifest.codes) != set(task.classes):
        raise ConfigError(
            f"the teacher {teacher} predicts {', '.join(manifest.codes)}, but the task {task.name} "
            f"asks for {', '.join(task.classes)}. Name teachers of the same task."
        )
    lesions, images = dataset.table["lesion_id"], dataset.table["image"]
    taught = lesions[manifest.split.parts_of(dataset.table) == "train"]
    held_out = split.parts_of(dataset.table).isin(["validation", "test"])
    leaked = images[held_out & lesions.isin(taught)].tolist()
    if leaked:
        raise SplitError(
            f"the teacher {teacher} was trained on lesions that this split holds out: "
            f"{len(leaked)} images, {name_some(leaked)}. Give the teacher's own split with "
            "--split, or name teachers trained on this one."
        )


def teacher_hashes(teachers: Sequence[Path]) -> list[str]:
    """SHA-256 of each teacher's network, sorted: the order of teachers changes nothing."""
    return sorted(read_manifest(teacher).network_sha256 for teacher in teachers)


def _predictions(teacher: Path, table: pd.DataFrame, task: Task, cache_dir: Path) -> np.ndarray:
    """One teacher's probabilities of a table's rows, in the task's order of classes."""
    manifest = read_manifest(teacher)
    paths = table["path"].tolist()

    def predict() -> np.ndarray:
        predictor = Predictor.load(teacher, backend="keras")
        images = predictor.prepared(paths, cache_dir=cache_dir)
        return predictor.predict_images(images, table_patients(table, manifest.patient.fields))

    settings = _depends_on(manifest, table)
    rows = cached_array("answers", paths, settings, predict, cache_dir=cache_dir)
    return rows[:, [manifest.codes.index(code) for code in task.classes]]


def _depends_on(manifest: Manifest, table: pd.DataFrame) -> dict[str, object]:
    """What a teacher's predictions depend on besides the images' files: the cache's key."""
    encoded = manifest.patient.encode(table_patients(table, manifest.patient.fields))
    return {
        "network": manifest.network_sha256,
        "temperature": manifest.temperature,
        "tta_views": manifest.tta_views,
        "image": manifest.image.settings,
        "patients": hashlib.sha256(encoded.tobytes()).hexdigest(),
    }
