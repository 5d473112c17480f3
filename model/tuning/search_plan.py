"""What a search does, beside the data: saved with it, so that only the same search goes on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from isic_api.whole_file import whole_file
from model.errors import ConfigError, SearchError
from model.training.settings import TrainConfig, config_from_dict
from model.tuning.search_space import Dimension

PLAN_FILE = "search.json"
METHODS = ("hyperband", "random", "grid", "bayesian")
OBJECTIVES = ("balanced_accuracy", "macro_auc")
"""Of the validation part; higher is better."""

SETTLED_WITH_FEATURES = (
    *("backbone", "weights", "pooling", "image_side", "crop_border", "aspect"),
    *("batchnorm_momentum", "freeze_batchnorm", "last_layers", "head_epochs", "learning_rate"),
    *("zoom", "turn", "colour", "hue", "low_resolution", "cutout", "mixup", "cutmix"),
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
    factor: int = 3  # of hyperband: one trial in so many goes on to so many times the epochs
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
        settled = sorted(searched & set(SETTLED_WITH_FEATURES))
        if settled:
            raise ConfigError(
                f"{', '.join(settled)} cannot be searched on features that are computed once. "
                "Remove them from the space, or search without --features."
            )
        fusions = {self.base.fusion, *(v for d in self.space if d.name == "fusion" for v in d.ends)}
        unfit = {"metadata", "cross_attention"} & fusions
        if unfit or self.base.pooling == "flatten" or self.base.mixes:
            raise ConfigError(
                "features are one vector an image, which fusion metadata and cross_attention, "
                "pooling flatten, mixup and cutmix have no use for. Leave them out, or search "
                "without --features."
            )

    def config(self, settings: Mapping[str, object]) -> TrainConfig:
        """The settings of a trial: the base's, where the trial has none of its own."""
        return config_from_dict(asdict(self.base) | dict(settings))

    def to_dict(self) -> dict:
        """Plain values, as JSON gives them back."""
        return json.loads(json.dumps(asdict(self)))


def claim(out: Path, plan: Plan, parts: Sequence[pd.DataFrame]) -> None:
    """Write the plan to a new folder, or check that it is that of the old one.

    ``parts`` are the tables that are learned from and judged on; other images, other search.

    Raises:
        SearchError: the folder holds another search, or something else.
    """
    description = plan.to_dict() | {"data": _describe(parts)}
    saved = out / PLAN_FILE
    out.mkdir(parents=True, exist_ok=True)
    if not saved.exists():
        if any(out.iterdir()):
            raise SearchError(f"{out} holds other files than a search. Give another --out.")
        with whole_file(saved) as partial:
            partial.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(saved.read_text(encoding="utf-8"))
    differing = [name for name in description if before.get(name) != description[name]]
    if differing:
        raise SearchError(
            f"{out} holds another search: its {', '.join(map(_told, differing))} differ. Give "
            f"another --out, or the options of {saved} to go on with it."
        )


def _told(name: str) -> str:
    return {"base": "settings", "data": "images"}.get(name, name)


def _describe(parts: Sequence[pd.DataFrame]) -> dict[str, object]:
    rows = [part[["image", "diagnosis"]].to_csv(index=False) for part in parts]
    digest = hashlib.sha256("\0".join(rows).encode()).hexdigest()
    return {"images": [len(part) for part in parts], "sha256": digest[:16]}
