"""What a trial trains: the whole network, or a head on features that are computed once."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import keras

from model.data.dataset import Dataset, table_patients
from model.data.split import Split
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.config import TrainConfig
from model.training.fit import fit, validation_batches
from model.training.fit_callbacks import Callback
from model.training.parts import Part, load_part
from model.training.train import build_of, network_around, train
from model.tuning.callbacks import MacroAuc, StopAtNan
from model.tuning.features import cached_features
from model.tuning.search_plan import Plan
from model.tuning.tune import Training


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
        judged = held_out or self.part("validation", config)
        batches = validation_batches(judged, config, len(self.task.classes))
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
        learned, held_out = features()
        keras.utils.clear_session()
        keras.utils.set_random_seed(config.seed)
        vector = keras.Input(learned.images.shape[1:])
        network = network_around(keras.Model(vector, vector), config, given.encoder, given.task)
        callbacks = given.callbacks(config, held_out)
        how = {"out": folder, "until": until, "callbacks": callbacks, "augment": False}
        folder.mkdir(parents=True, exist_ok=True)
        fit(network, learned, held_out, given.encoder, config, **how)

    return learn


def _embedded(name: str, image_part: keras.Model, given: _Given) -> Part:
    """A part with one vector an image, float32 (N, 1, 1, C), in place of the images."""
    config, part = given.plan.base, given.part(name, given.plan.base)
    rows = cached_features(
        part.images,
        given.split.part(name, given.dataset.table)["path"].tolist(),
        image_part,
        prepared=asdict(config.preprocessor),
        cache_dir=given.cache_dir,
    )
    return replace(part, images=rows[:, None, None])
