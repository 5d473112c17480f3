"""The stages of a training: which layers each trains, how many weights, at which learning rates."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from model.networks.figure import multiply_adds
from model.training.settings import TrainConfig

Rate = float | keras.optimizers.schedules.LearningRateSchedule


@dataclass(frozen=True)
class Stage:
    """Epochs of a training in which the same layers are trainable."""

    number: int  # 0, 1: as in the history's column ``stage``
    name: str  # of its folder of backups
    epochs: int  # at most
    learning_rate: float
    schedule: str
    head_only: bool
    patience: int  # of early stopping, epochs


def stages_of(config: TrainConfig) -> list[Stage]:
    """First the epochs of the head alone, if there are any, then those of all layers."""
    head, rest = config.head_epochs, config.epochs - config.head_epochs
    patience = config.head_patience or config.patience
    first = (head, config.head_learning_rate, config.head_schedule, True, patience)
    second = (rest, config.learning_rate, config.schedule, False, config.patience)
    named = [stage for stage in (("head", *first), ("all", *second)) if stage[1]]
    return [Stage(number, *stage) for number, stage in enumerate(named)]


def set_trainable(network: keras.Model, stage: Stage, config: TrainConfig) -> None:
    """Freeze the layers that a stage does not train."""
    network.trainable = True
    for backbone in _backbones(network):
        backbone.trainable = not (stage.head_only or config.freeze_backbone)
        if not backbone.trainable:
            continue
        # A slice up to -0 would be empty, which is right: 0 stands for all layers.
        for layer in backbone.layers[: -config.trainable_layers] if config.trainable_layers else ():
            layer.trainable = False
        for layer in backbone.layers:
            if config.freeze_batchnorm and isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def rate_of(stage: Stage, config: TrainConfig, *, steps: int) -> Rate:
    """Learning rate over the stage, whose epochs have so many steps each."""
    schedules = keras.optimizers.schedules
    if stage.schedule == "exponential":
        every = config.decay_steps or steps
        return schedules.ExponentialDecay(
            stage.learning_rate, every, config.decay, staircase=config.staircase
        )
    if stage.schedule != "cosine":
        return stage.learning_rate
    warmup = int(steps * stage.epochs * min(config.warmup_epochs / stage.epochs, 0.5))
    return schedules.CosineDecay(
        stage.learning_rate / 100,
        steps * stage.epochs - warmup,
        alpha=1e-3,
        warmup_target=stage.learning_rate,
        warmup_steps=warmup,
    )


def optimiser_of(config: TrainConfig, rate: Rate) -> keras.optimizers.Optimizer:
    """The optimiser that the config names."""
    average = {"use_ema": True, "ema_momentum": config.ema} if config.ema else {}
    optimizers = keras.optimizers
    if config.optimiser == "sgd":
        return optimizers.SGD(rate, momentum=config.momentum, nesterov=True, **average)
    if config.optimiser == "adamw":
        return optimizers.AdamW(rate, weight_decay=config.weight_decay, **average)
    kinds = {"adam": optimizers.Adam, "rmsprop": optimizers.RMSprop}
    return kinds[config.optimiser](rate, **average)


def penalise_kernels(network: keras.Model, config: TrainConfig) -> None:
    """Set the L1 and L2 penalties on all kernels; they are not saved with the network."""
    if not config.l1 + config.l2:
        return
    penalty = keras.regularizers.L1L2(config.l1, config.l2)
    for weight in network.weights:
        if weight.name.endswith("kernel"):
            weight.regularizer = penalty


def _backbones(network: keras.Model) -> Iterator[keras.Model]:
    """The backbone, or nothing in a metadata-only network."""
    return (layer for layer in network.layers if isinstance(layer, keras.Model))


BRANCHES = ("image", "patient", "fusion", "head")

_HEAD_LAYERS = ("fused", "further", "dropout", "image_logits", "patient_logits", "logit")


def summarise(network: keras.Model, config: TrainConfig) -> pd.DataFrame:
    """Count by branch: one row each of :data:`BRANCHES`, then ``total``.

    Columns: parameters; for each stage of the training ``trainable in stage NAME``; multiply-adds
    for one image. The moving averages of BatchNorm count as parameters that are not trainable.

    Args:
        network: of :func:`model.networks.network.build_network`.
        config: whose stages are meant.
    """
    members = {branch: _members(network, branch) for branch in BRANCHES}
    columns = {"parameters": {b: _count(members[b], "weights") for b in BRANCHES}}
    for stage in stages_of(config):
        set_trainable(network, stage, config)
        learning = {b: _count(members[b], "trainable_weights") for b in BRANCHES}
        columns[f"trainable in stage {stage.name}"] = learning
    network.trainable = True
    columns["multiply-adds"] = {b: sum(map(multiply_adds, members[b])) for b in BRANCHES}
    table = pd.DataFrame(columns)
    table.loc["total"] = table.sum()
    return table


def summary_text(table: pd.DataFrame) -> str:
    """The table as text, with separators of thousands."""
    return table.to_string(formatters=dict.fromkeys(table, "{:,}".format))


def _members(network: keras.Model, branch: str) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if _branch_of(layer.name) == branch]


def _branch_of(name: str) -> str:
    """Branch of a layer, by the names that :mod:`model.networks.network` gives."""
    if name == "fusion":
        return name
    if name.startswith(_HEAD_LAYERS) or name == "probabilities":
        return "head"
    return "patient" if name.startswith("patient") else "image"


def _count(layers: list[keras.layers.Layer], kind: str) -> int:
    return sum(int(np.prod(w.shape)) for layer in layers for w in getattr(layer, kind))
