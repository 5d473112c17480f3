"""What a search does, beside the data: saved with it, so that only the same search resumes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from model.errors import ConfigError, SearchError
from model.training.run_folder import claim
from model.training.settings import TrainConfig
from model.tuning.search_space import Dimension

PLAN_FILE = "search.json"
METHODS = ("hyperband", "random", "grid", "bayesian")
OBJECTIVES = ("balanced_accuracy", "macro_auc")
"""Of the validation part; higher is better."""

FIXED_WITH_FEATURES = (
    *("backbone", "weights", "pooling", "image_side", "crop_border", "aspect"),
    *("freeze_batchnorm", "trainable_layers", "head_epochs", "learning_rate"),
    *("zoom", "rotation", "colour", "downscale", "cutout", "mixup"),
)
"""Settings that cannot vary, or have no effect, where features are computed once."""


@dataclass(frozen=True)
class Plan:
    """A search: its space, its method and what all trials share.

    Raises:
        ConfigError: on building, when options exclude each other.
    """

    space: tuple[Dimension, ...]
    base: TrainConfig  # epochs is the most that a trial gets; seed is also the search's
    method: str = "hyperband"
    objective: str = "balanced_accuracy"
    trials: int = 20  # not of hyperband
    factor: int = 3  # of hyperband: one trial in so many is promoted to so many times the epochs
    iterations: int = 1  # of hyperband
    features: bool = False  # train heads on features of the frozen backbone, computed once

    def __post_init__(self) -> None:
        for name, least in {"trials": 1, "factor": 2, "iterations": 1}.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        searched = {dimension.name for dimension in self.space}
        if "backbone" in searched and self.base.weights not in ("imagenet", "none"):
            raise ConfigError(
                f"weights {self.base.weights!r} fit one backbone only, but backbone is searched. "
                "Fix it with --backbone, or use weights imagenet or none."
            )
        if self.features:
            self._check_features(searched)

    def _check_features(self, searched: set[str]) -> None:
        """Check that features that are computed once can serve all trials."""
        fixed = sorted(searched & set(FIXED_WITH_FEATURES))
        if fixed:
            raise ConfigError(
                f"{', '.join(fixed)} cannot be searched on features that are computed once. "
                "Remove them from the space, or search without --features."
            )
        fusions = {self.base.fusion, *(v for d in self.space if d.name == "fusion" for v in d.ends)}
        unfit = {"metadata", "cross_attention"} & fusions
        if unfit or self.base.pooling == "flatten" or self.base.mixup:
            raise ConfigError(
                "fusion metadata and cross_attention, pooling flatten and mixup do not work on "
                "features, one vector per image. Leave them out, or search without --features."
            )

    def config(self, settings: Mapping[str, object]) -> TrainConfig:
        """The settings of a trial: the base's, where the trial has none of its own."""
        return self.base.with_(**settings)

    def backbones(self) -> set[str]:
        """Those that trials may have."""
        searched = {v for d in self.space if d.name == "backbone" for v in d.choices}
        return searched or {self.base.backbone}

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self) | {"base": self.base.model_dump()}


def claim_search(out: Path, plan: Plan, parts: Sequence[pd.DataFrame]) -> None:
    """Describe the search in a new folder, or check that it is that of the old one.

    ``parts`` are the tables that trials train and validate on; other images, other search.

    Raises:
        SearchError: the folder holds another search, or something else.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / PLAN_FILE).exists():
        raise SearchError(f"{out} holds other files than a search. Give another --out.")
    differing = claim(out, {PLAN_FILE: plan.to_dict() | {"data": _describe(parts)}})
    if differing:
        names = ", ".join(map(_shown, differing[PLAN_FILE]))
        raise SearchError(
            f"{out} holds another search: its {names} differ. Give another --out, or the options "
            f"of {out / PLAN_FILE} to resume it."
        )


def _shown(name: str) -> str:
    return {"base": "settings", "data": "images"}.get(name, name)


def _describe(parts: Sequence[pd.DataFrame]) -> dict[str, object]:
    rows = [part[["image", "diagnosis"]].to_csv(index=False) for part in parts]
    digest = hashlib.sha256("\0".join(rows).encode()).hexdigest()
    return {"images": [len(part) for part in parts], "sha256": digest[:16]}
