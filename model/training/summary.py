"""Parameters, trainable parameters by stage, and multiply-adds of a network, by branch."""

import keras
import numpy as np
import pandas as pd

from model.networks.outline import multiply_adds
from model.training.settings import TrainConfig
from model.training.stages import set_trainable, stages_of

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
    """Write the table for readers, with thousands apart."""
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
