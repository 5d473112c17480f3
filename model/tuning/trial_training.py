"""What a trial trains: the whole network, or a head on features that are computed once."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import keras
import numpy as np

from model.data.cache import cached_array
from model.data.context import table_patients
from model.data.dataset import Dataset
from model.data.split import Split
from model.errors import SearchError
from model.evaluation.metrics import mean_of_known, one_against_rest, roc_auc
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.batches import LabelledBatches, Part, load_part
from model.training.fit import fit, validation_batches
from model.training.resume import Callback
from model.training.settings import TrainConfig
from model.training.train import build_of, network_around, train
from model.tuning.search_space import Plan
from model.tuning.tune import Training

_BATCH = 64  # images whose features are computed at a time


def training_of(plan: Plan, dataset: Dataset, split: Split, *, cache_dir: Path) -> Training:
    """Give what a search runs for each trial; the split's test part is not touched.

    Nothing is prepared before the first trial: a chief runs none.
    """
    task = dataset.task(plan.base.task)
    encoder = PatientEncoder.fit(table_patients(split.part("train", dataset.table)))
    given = _Given(plan, dataset, split, cache_dir, task, encoder)
    return _train_head(given) if plan.features else _train_all(given)


@dataclass(frozen=True)
class _Given:
    """What all trials share."""

    plan: Plan
    dataset: Dataset
    split: Split
    cache_dir: Path
    task: Task
    encoder: PatientEncoder

    def part(self, name: str, config: TrainConfig) -> Part:
        table = self.split.part(name, self.dataset.table)
        return load_part(table, self.encoder, config, self.task, self.cache_dir)

    def callbacks(self, config: TrainConfig, held_out: Part | None = None) -> list[Callback]:
        if self.plan.objective != "macro_auc":
            return [StopAtNan()]
        validation = held_out or self.part("validation", config)
        batches = validation_batches(validation, config, len(self.task.classes))
        return [StopAtNan(), MacroAuc(batches)]


def _train_all(given: _Given) -> Training:
    def learn(config: TrainConfig, folder: Path, until: int) -> None:
        keras.utils.clear_session()
        how = {"out": folder, "cache_dir": given.cache_dir, "until": until}
        train(given.dataset, given.split, config, **how, callbacks=given.callbacks(config))

    return learn


def _train_head(given: _Given) -> Training:
    @cache
    def features() -> tuple[Part, Part]:
        keras.utils.set_random_seed(given.plan.base.seed)
        network = build_of(given.plan.base, given.encoder, given.task)
        embedding = network.get_layer("image_embedding").output
        image_part = keras.Model(network.input["image"], embedding)
        return _embedded("train", image_part, given), _embedded("validation", image_part, given)

    def learn(config: TrainConfig, folder: Path, until: int) -> None:
        training, validation = features()
        keras.utils.clear_session()
        keras.utils.set_random_seed(config.seed)
        vector = keras.Input(training.images.shape[1:])
        network = network_around(keras.Model(vector, vector), config, given.encoder, given.task)
        callbacks = given.callbacks(config, validation)
        how = {"out": folder, "until": until, "callbacks": callbacks, "augment": False}
        folder.mkdir(parents=True, exist_ok=True)
        fit(network, training, validation, given.encoder, config, **how)

    return learn


def _embedded(name: str, image_part: keras.Model, given: _Given) -> Part:
    """A part with one vector per image, float32 (N, 1, 1, C), in place of the images."""
    config, part = given.plan.base, given.part(name, given.plan.base)
    paths = given.split.part(name, given.dataset.table)["path"].tolist()
    how = {"prepared": asdict(config.preprocessor), "cache_dir": given.cache_dir}
    rows = cached_features(part.images, paths, image_part, **how)
    return replace(part, images=rows[:, None, None])


def cached_features(
    images: np.ndarray,
    paths: Sequence[Path],
    image_part: keras.Model,
    *,
    prepared: dict,
    cache_dir: Path,
) -> np.ndarray:
    """What ``image_part`` predicts for the images (N, side, side, 3): float32 (N, ...).

    Cached by the files, how they were ``prepared``, and the network's structure and weights.
    """

    def compute() -> np.ndarray:
        return image_part.predict(images, batch_size=_BATCH, verbose=0)

    settings = prepared | _key(image_part)
    return cached_array("features", paths, settings, compute, cache_dir=cache_dir)


def _key(network: keras.Model) -> dict[str, str | list[str]]:
    """What features depend on beside the images: the network's structure and weights."""
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    layers = [type(layer).__name__ for layer in network.layers]
    return {"weights": digest.hexdigest(), "layers": layers}


class StopAtNan(keras.callbacks.Callback):
    """Ends a training whose loss is NaN or infinite, from which it would not recover."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Check the loss of the epoch.

        Raises:
            SearchError: it is NaN or infinite.
        """
        loss = (logs or {}).get("loss", 0.0)
        if not np.isfinite(loss):
            raise SearchError(f"the loss was {loss} in epoch {epoch + 1}. Lower learning_rate.")


class MacroAuc(keras.callbacks.Callback):
    """Logs val_macro_auc: the mean one-vs-rest AUC over the classes."""

    def __init__(self, batches: LabelledBatches) -> None:
        """Take the validation batches, in their fixed order."""
        super().__init__()
        self.batches = batches

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Predict all batches and log the AUC."""
        rows = self.model.predict(self.batches, verbose=0)
        logs["val_macro_auc"] = float(
            mean_of_known(one_against_rest(roc_auc, rows, self.batches.labels))
        )
