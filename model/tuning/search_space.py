"""What a search tries: its space, and the plan, which is saved with it so that only it resumes.

A space is a JSON file that names settings of ``TrainConfig``:

    {"balance": ["weights", "sampler"],                          one of these
     "dropout": {"range": [0.0, 0.6], "step": 0.1},              a number between, in steps
     "learning_rate": {"log_range": [1e-4, 5e-3]},               between, even in the logarithm
     "momentum": {"choice": [0.8, 0.9], "when": {"optimiser": ["sgd"]}}}   only beside that choice

A setting that the file does not name keeps its value. ``search_space.json`` is the default, and
``search_space_features.json`` that of a search on features that are computed once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, prod
from pathlib import Path

import pandas as pd

from model.errors import ConfigError, SearchError
from model.training.run_folder import claim
from model.training.settings import (
    OF_FRAMES,
    OF_WHOLE_PHOTOGRAPHS,
    OLD_NAMES,
    TrainConfig,
    read_config,
    setting_type,
)

DEFAULT_SPACE = Path(__file__).with_suffix(".json")
FEATURES_SPACE = DEFAULT_SPACE.with_stem("search_space_features")
NOT_SEARCHED = ("task", "init_from", "epochs", "patience", "keep", "seed")
"""Settings that are the search's budget, or would make its trials incomparable."""

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

_FORMS = ("choice", "range", "log_range")


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched: by choices, or between two numbers."""

    name: str
    choices: tuple = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    when: tuple[str, tuple] | None = None  # a setting searched before this one, and its values

    @property
    def ends(self) -> tuple:
        """The choices, or both ends: if these are allowed, so is what lies between."""
        return self.choices or (self.low, self.high)


def read_space(path: Path, base: TrainConfig) -> tuple[Dimension, ...]:
    """Read a space and check each of its values beside the settings that are not searched.

    On frames, the augmentation of whole photographs is not searched, nor that of frames on whole
    photographs.

    Raises:
        ConfigError: no JSON object, an unknown setting, a value that the setting does not take, a
            condition on something that is not searched before, or nothing to search.
    """
    unheeded = OF_WHOLE_PHOTOGRAPHS if base.frame == "lesion" else OF_FRAMES
    space = tuple(
        _dimension(name, entry, path)
        for name, entry in read_config(path).items()
        if name not in unheeded
    )
    for number, dimension in enumerate(space):
        _check_condition(dimension, space[:number], path)
        _check_values(dimension, base, path)
    require_something(space, str(path))
    return space


def without(space: Sequence[Dimension], fixed: Mapping[str, object]) -> tuple[Dimension, ...]:
    """Drop the settings that the user fixed, and what was searched only beside other values."""
    left: list[Dimension] = []
    for dimension in space:
        if dimension.name in fixed:
            continue
        if dimension.when:
            parent, values = dimension.when
            if parent in fixed:
                dimension = replace(dimension, when=None)
            elif parent not in {kept.name for kept in left}:
                continue
            if fixed.get(parent, values[0]) not in values:
                continue
        left.append(dimension)
    return tuple(left)


def require_something(space: Sequence[Dimension], where: str) -> None:
    """Check that the space has a choice to make.

    Raises:
        ConfigError: no setting has more than one value.
    """
    if not any(len(set(dimension.ends)) > 1 for dimension in space):
        raise ConfigError(
            f"the space of {where} is empty: no setting is left that could take two values. Name "
            f"at least one with choices or a range, as model/tuning/{DEFAULT_SPACE.name} does."
        )


def combinations(space: Sequence[Dimension]) -> float:
    """How many combinations can be drawn, whatever the conditions."""
    return prod(_count(dimension) for dimension in space)


def _count(dimension: Dimension) -> float:
    if dimension.choices:
        return len(dimension.choices)
    if dimension.step is not None:
        return 1 + int((dimension.high - dimension.low) / dimension.step + 1e-9)
    whole = isinstance(dimension.low, int)
    return 1 + dimension.high - dimension.low if whole else inf


def _dimension(name: str, entry: object, path: Path) -> Dimension:
    entry = {"choice": entry} if isinstance(entry, list) else entry
    kind = _setting_type(name, path)
    forms = [form for form in _FORMS if form in entry] if isinstance(entry, dict) else []
    if len(forms) != 1 or set(entry) - {*forms, "step", "when"}:
        raise ConfigError(
            f"{path}: {name} is {entry!r}; give a list of choices, or an object with one of "
            f"{', '.join(_FORMS)}, and if need be step and when."
        )
    values, form = entry[forms[0]], forms[0]
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{path}: the {form} of {name} is {values!r}; it must be a list.")
    when = _condition(entry["when"], name, path) if "when" in entry else None
    if form == "choice":
        # JSON writers may give 0 for 0.0.
        choices = [float(value) if kind is float and _number(value) else value for value in values]
        return Dimension(name, tuple(choices), when=when)
    _check_range(name, kind, values, entry, path)
    low, high = map(kind, values)
    return Dimension(
        name, low=low, high=high, log=form == "log_range", step=entry.get("step"), when=when
    )


def _setting_type(name: str, path: Path) -> type:
    known = TrainConfig.model_fields
    if name not in known:
        raise ConfigError(f"{path}: no setting is called {name!r}. Known: {', '.join(known)}.")
    if name in NOT_SEARCHED:
        raise ConfigError(
            f"{path}: {name} cannot be searched, since trials must be comparable. Remove it there "
            "and set it with --config or its own option."
        )
    return setting_type(name)


def _check_range(name: str, kind: type, values: list, entry: dict, path: Path) -> None:
    log, step = "log_range" in entry, entry.get("step")
    if kind not in (int, float):
        raise ConfigError(f"{path}: {name} is not a number; give its choices as a list.")
    numbers = len(values) == 2 and all(map(_number, values))
    if not numbers or not values[0] < values[1] or (log and values[0] <= 0):
        raise ConfigError(
            f"{path}: the range of {name} is {values!r}; give two numbers, the lower first, and "
            "for a log_range both above 0."
        )
    if step is not None and (log or not _number(step) or step <= 0):
        raise ConfigError(
            f"{path}: the step of {name} is {step!r}; it must be above 0, and a log_range has none."
        )


def _check_values(dimension: Dimension, base: TrainConfig, path: Path) -> None:
    """Try each value, where it depends on a condition beside the first value of that."""
    beside = {dimension.when[0]: dimension.when[1][0]} if dimension.when else {}
    for value in dimension.ends:
        try:
            base.with_(**beside | {dimension.name: value})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error


def _condition(when: object, name: str, path: Path) -> tuple[str, tuple]:
    if isinstance(when, dict) and len(when) == 1:
        (parent, values), *_ = when.items()
        if isinstance(values, list) and values:
            return OLD_NAMES.get(parent, parent), tuple(values)
    raise ConfigError(
        f"{path}: {name} is searched when {when!r}; give one setting and the list of its values."
    )


def _check_condition(dimension: Dimension, before: Sequence[Dimension], path: Path) -> None:
    if dimension.when is None:
        return
    parent, values = dimension.when
    choices = {earlier.name: earlier.choices for earlier in before}.get(parent, ())
    if not set(values) <= set(choices):
        raise ConfigError(
            f"{path}: {dimension.name} is searched when {parent} is one of {list(values)}; "
            f"{parent} must stand before it, with these among its choices."
        )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
