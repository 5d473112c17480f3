"""Training the dual-branch network on a data folder, with resume."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from model.data.context import table_patients
from model.data.dataset import Dataset
from model.data.split import Split
from model.errors import ConfigError
from model.networks.backbone_names import NO_BACKBONE
from model.networks.backbones import build_backbone
from model.networks.network import build_network, cause_of, open_saved
from model.patient import PatientEncoder
from model.tasks import Task
from model.training.batches import load_part
from model.training.devices import on_devices
from model.training.fit import fit
from model.training.resume import Callback
from model.training.run_folder import claim
from model.training.settings import TrainConfig, read_config

CONFIG_FILE, SPLIT_FILE, TEACHERS_FILE = "config.json", "split.json", "teachers.json"
"""What describes a training, in its folder."""


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
    teachers: Sequence[str] = (),
) -> tuple[keras.Model, PatientEncoder]:
    """Train, or resume an interrupted training in ``out``, and return the network.

    Its weights are those of the best epoch, by what the config monitors, or of the last one, as it
    says; it computes in float32 on one device, however it was trained.
    ``out`` receives config.json, split.json and what :func:`model.training.fit.fit` writes. For
    ``until``, ``callbacks`` and ``teacher``, whose rows are the training part's in the table's
    order, see there. ``teachers`` are the hashes of the networks that the soft labels are from.

    Raises:
        ConfigError: ``out`` holds a training with other settings, another split or other teachers,
            a diagnosis has no class in the task, or memory does not suffice.
    """
    keras.utils.set_random_seed(config.seed)
    task = dataset.task(config.task)
    table = split.part("train", dataset.table)
    encoder = PatientEncoder.fit(table_patients(table))
    with on_devices(config.devices):
        # First, so that missing weights are reported at once and leave no folder behind.
        network = build_of(config, encoder, task)
        _claim(out, config, split, teachers)
        training = load_part(table, encoder, config, task, cache_dir)
        held_out = split.part("validation", dataset.table)
        validation = load_part(held_out, encoder, config, task, cache_dir)
        how = {"out": out, "until": until, "callbacks": callbacks, "teacher": teacher}
        fit(network, training, validation, encoder, config, **how)
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
            weights="none" if config.init_from else config.weights,
        )
    network = network_around(backbone, config, encoder, task)
    if config.init_from:
        _copy_weights(config.init_files, network)
    return network


def network_around(
    backbone: keras.Model | None, config: TrainConfig, encoder: PatientEncoder, task: Task
) -> keras.Model:
    """Join a backbone, or a model in its place, with the head that a config describes."""
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
    plain = config.with_(precision="float32", devices="one", init_from="", weights="none")
    if (plain.precision, plain.devices) == (config.precision, config.devices):
        return network
    built = build_of(plain, encoder, task)
    built.set_weights(network.get_weights())
    return built


def _claim(out: Path, config: TrainConfig, split: Split, teachers: Sequence[str]) -> None:
    """Describe the training in a new folder, or check that it is that of the old one."""
    described = {
        SPLIT_FILE: split.to_dict(),
        TEACHERS_FILE: sorted(teachers) or None,
        CONFIG_FILE: config.model_dump(),
    }
    differing = claim(out, described, read=_read_description)
    if differing:
        raise ConfigError(
            f"{out} holds a training with {', '.join(map(_difference, differing.items()))}. Give "
            "another --out, or the same settings, split and teachers to resume it."
        )


def _read_description(file: Path) -> dict | list:
    if file.name == CONFIG_FILE:
        return TrainConfig(**read_config(file)).model_dump()
    if file.name == SPLIT_FILE:
        return Split.load(file).to_dict()
    return json.loads(file.read_text(encoding="utf-8"))


def _difference(differing: tuple[str, list[str]]) -> str:
    name, entries = differing
    others = {SPLIT_FILE: "another split", TEACHERS_FILE: "other teachers"}
    return others.get(name) or f"other settings ({', '.join(entries)})"


def _copy_weights(files: Sequence[Path], network: keras.Model) -> None:
    """Copy the weights of an earlier network into this one, or the mean weights of several.

    Networks that were trained on from one another may be averaged (Wortsman et al. 2022,
    arXiv:2203.05482).
    """
    total = [np.zeros(weight.shape, np.float64) for weight in network.weights]
    for file in files:
        try:
            weights = open_saved(file).get_weights()
            network.set_weights(weights)  # checks their shapes
        except (ValueError, TypeError, OSError) as error:
            raise ConfigError(
                f"init_from {str(file)!r} is no .keras file of a network like this one. Give the "
                "network.keras of a bundle with the same backbone and widths "
                f"({cause_of(error)})."
            ) from error
        total = [sum_ + weight for sum_, weight in zip(total, weights, strict=True)]
    network.set_weights([sum_ / len(files) for sum_ in total])
