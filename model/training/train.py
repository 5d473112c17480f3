"""Training the dual-branch network on a data folder, with resume."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from model.data.dataset import Dataset, table_patients
from model.data.split import Split
from model.errors import ConfigError
from model.networks.backbone_names import NO_BACKBONE
from model.networks.backbones import build_backbone
from model.networks.network import build_network
from model.networks.saved import cause_of, open_saved
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.config import TrainConfig, config_from_dict, read_config
from model.training.devices import on_devices
from model.training.fit import fit
from model.training.fit_callbacks import Callback
from model.training.parts import load_part


def train(
    dataset: Dataset,
    split: Split,
    config: TrainConfig,
    *,
    out: Path,
    cache_dir: Path,
    until: int | None = None,
    callbacks: Sequence[Callback] = (),
    teacher: np.ndarray | None = None,
) -> tuple[keras.Model, PatientEncoder]:
    """Train, or go on with an interrupted training in ``out``, and return the network.

    Its weights are those of the best epoch, by what the config monitors, or of the last one, as it
    says; its arithmetic is float32 on one device, however it was trained.
    ``out`` receives config.json, split.json and what :func:`model.training.fit.fit` writes. For
    ``until``, ``callbacks`` and ``teacher``, whose rows are the training part's in the table's
    order, see there.

    Raises:
        ConfigError: ``out`` holds a training with other settings or another split, a diagnosis
            has no class in the task, or memory does not suffice.
    """
    keras.utils.set_random_seed(config.seed)
    task = dataset.task(config.task)
    table = split.part("train", dataset.table)
    encoder = PatientEncoder.fit(table_patients(table))
    with on_devices(config.devices):
        # First, so that missing weights are told at once and leave no folder behind.
        network = build_of(config, encoder, task)
        _claim(out, config, split)
        learned = load_part(table, encoder, config, task, cache_dir)
        validation = split.part("validation", dataset.table)
        held_out = load_part(validation, encoder, config, task, cache_dir)
        how = {"out": out, "until": until, "callbacks": callbacks, "teacher": teacher}
        fit(network, learned, held_out, encoder, config, **how)
    return _plain(network, config, encoder, task), encoder


def build_of(config: TrainConfig, encoder: PatientEncoder, task: Task) -> keras.Model:
    """Build the network that a config describes, with the weights that it starts from.

    Raises:
        ConfigError: the weights are missing or of another network.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        return _build(config, encoder, task)
    finally:
        keras.config.set_dtype_policy(policy)


def _build(config: TrainConfig, encoder: PatientEncoder, task: Task) -> keras.Model:
    backbone = None
    if config.backbone != NO_BACKBONE:
        backbone = build_backbone(
            config.backbone,
            side=config.image_side,
            weights="none" if config.start else config.weights,
            batchnorm_momentum=config.batchnorm_momentum,
        )
    network = network_around(backbone, config, encoder, task)
    if config.start:
        _go_on_from(Path(config.start), network)
    return network


def network_around(
    backbone: keras.Model | None, config: TrainConfig, encoder: PatientEncoder, task: Task
) -> keras.Model:
    """Join a backbone, or what stands for one, with the head that a config describes."""
    return build_network(
        backbone,
        patient_width=encoder.width,
        classes=len(task.classes),
        fusion=config.fusion,
        pooling=config.pooling,
        patient_units=config.patient_units,
        patient_layers=config.patient_layers,
        fused_units=config.fused_units,
        further_units=config.further_widths,
        dropout=config.dropout,
        further_dropout=config.further_dropout,
        first_dropout=config.first_dropout,
        last_dropout=config.last_dropout,
        head_batchnorm=config.head_batchnorm,
        output=config.output,
        side=config.image_side,
    )


def _plain(
    network: keras.Model, config: TrainConfig, encoder: PatientEncoder, task: Task
) -> keras.Model:
    """The same network in float32 on one device."""
    plain = replace(config, precision="float32", devices="one", start="", weights="none")
    if (plain.precision, plain.devices) == (config.precision, config.devices):
        return network
    built = build_of(plain, encoder, task)
    built.set_weights(network.get_weights())
    return built


def _claim(out: Path, config: TrainConfig, split: Split) -> None:
    """Write config and split to a new folder, or check that they are those of the old one."""
    out.mkdir(parents=True, exist_ok=True)
    saved = out / "config.json"
    if not saved.exists():
        split.save(out / "split.json")
        config.save(saved)
        return
    same = config_from_dict(read_config(saved)) == config
    if not same or Split.load(out / "split.json") != split:
        raise ConfigError(
            f"{out} holds a training with other settings or another split. Give another --out, or "
            "the same settings to go on with it."
        )


def _go_on_from(start: Path, network: keras.Model) -> None:
    """Copy the weights of an earlier network into this one."""
    try:
        network.set_weights(open_saved(start).get_weights())
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(
            f"start {str(start)!r} is no .keras file of a network like this one. Give the "
            f"network.keras of a bundle with the same backbone and widths ({cause_of(error)})."
        ) from error
