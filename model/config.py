"""The settings of a training: one flat table, saved with the run."""

import argparse
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from model.errors import ConfigError
from model.image import ASPECTS

SCHEDULES = ("cosine", "plateau")
TURNS = ("free", "right-angle", "none")
BALANCES = ("weights", "sampler", "none")
KEPT = ("best", "last")


def _knob(default: object, meaning: str) -> object:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class TrainConfig:
    """All that a training depends on, beside the data and its split.

    Raises:
        ConfigError: on building, when a value is out of range.
    """

    backbone: str = _knob("mobilenet_v2", "image network, by name")
    weights: str = _knob("imagenet", "imagenet (downloaded), none, or a .weights.h5 file")
    start: str = _knob("", "network of an earlier training to go on from, a .keras file")
    image_side: int = _knob(128, "side of the square that the network sees, pixels")
    crop_border: bool = _knob(True, "cut off the black border of a dermatoscope's tube")
    aspect: str = _knob("squeeze", f"of a photograph made square: {', '.join(ASPECTS)}")
    patient_units: int = _knob(64, "width of the patient branch")
    fused_units: int = _knob(128, "width of the layer after the fusion")
    dropout: float = _knob(0.3, "dropout before and after that layer")
    forget_field: float = _knob(0.1, "probability of each patient field to become unknown")
    forget_all: float = _knob(0.2, "probability of a row's fields all to become unknown")
    zoom: float = _knob(0.25, "largest relative zoom of the augmentation")
    turn: str = _knob("free", f"of the augmentation, beside mirroring: {', '.join(TURNS)}")
    colour: float = _knob(0.2, "largest relative change of brightness and contrast")
    hue: float = _knob(0.0, "largest turn of the colour circle, 1 for 180 degrees either way")
    low_resolution: float = _knob(0.3, "share of the training images that are blurred")
    cutout: float = _knob(0.0, "share of the training images with a part hidden")
    mixup: float = _knob(0.0, "share of the training images blended with another")
    cutmix: float = _knob(0.0, "share of the training images with a part of another")
    balance: str = _knob("weights", f"of the classes, by: {', '.join(BALANCES)}")
    class_weight_exponent: float = _knob(0.5, "within a source, 0: images weigh alike; 1: classes")
    small_image_share: float = _knob(1.0, "of images under image_side pixels, seen in an epoch")
    label_smoothing: float = _knob(0.05, "probability mass spread over all classes")
    schedule: str = _knob("cosine", f"of the learning rate: {' or '.join(SCHEDULES)}")
    learning_rate: float = _knob(1e-3, "highest rate of AdamW")
    warmup_epochs: float = _knob(1.0, "epochs in which the cosine schedule rises")
    weight_decay: float = _knob(0.02, "of AdamW")
    batchnorm_momentum: float = _knob(0.95, "of the backbone's BatchNorm layers")
    batch_size: int = _knob(32, "images a step")
    epochs: int = _knob(20, "passes over the training part, at most")
    patience: int = _knob(8, "epochs without a better validation before stopping")
    keep: str = _knob("best", "weights kept: of the best validation or of the last epoch")
    seed: int = _knob(0, "of weights, order, augmentation and forgetting")

    def __post_init__(self) -> None:
        shares = ("dropout", "forget_field", "forget_all", "low_resolution", "label_smoothing")
        for name in (*shares, "zoom", "colour", "hue", "batchnorm_momentum"):
            self._require(0 <= getattr(self, name) < 1, name, "from 0 to below 1")
        for name in ("class_weight_exponent", "small_image_share", "cutout", "mixup", "cutmix"):
            self._require(0 <= getattr(self, name) <= 1, name, "from 0 to 1")
        counts = ("patient_units", "fused_units", "batch_size", "epochs", "patience")
        for name in counts:
            self._require(getattr(self, name) >= 1, name, "at least 1")
        self._require(self.image_side >= 32, "image_side", "at least 32")
        self._require(self.learning_rate > 0, "learning_rate", "above 0")
        self._require(self.mixup + self.cutmix <= 1, "mixup", "at most 1 together with cutmix")
        words = {"schedule": SCHEDULES, "keep": KEPT, "aspect": ASPECTS, "turn": TURNS}
        for name, known in (words | {"balance": BALANCES}).items():
            self._require(getattr(self, name) in known, name, f"one of {', '.join(known)}")

    def _require(self, holds: bool, name: str, rule: str) -> None:
        if not holds:
            raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be {rule}.")

    @property
    def mixes(self) -> bool:
        """Whether training images are mixed with others."""
        return self.mixup + self.cutmix > 0

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def config_from_dict(values: dict) -> TrainConfig:
    """Build a config from plain values; what is not given keeps its default.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
    """
    types = {f.name: f.type for f in fields(TrainConfig)}
    for name, value in values.items():
        if name not in types:
            raise ConfigError(f"no setting is called {name!r}. Known: {', '.join(types)}.")
        accepted = (int, float) if types[name] is float else types[name]
        if not isinstance(value, accepted) or (isinstance(value, bool) != (types[name] is bool)):
            raise ConfigError(f"{name} is {value!r}; it must be of type {types[name].__name__}.")
    return TrainConfig(**values)


def read_config(path: Path) -> dict:
    """Read the settings of a JSON file, to be passed to :func:`config_from_dict`.

    Raises:
        ConfigError: the file is missing or holds no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable JSON file: {error}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold one JSON object of settings.")
    return values


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add one option a setting; the ones that the user does not give are left out."""
    group = parser.add_argument_group("settings (also in a JSON file, with --config)")
    for knob in fields(TrainConfig):
        flag = f"--{knob.name.replace('_', '-')}"
        text = f"{knob.metadata['help']} (default {knob.default})"
        common = {"help": text, "default": argparse.SUPPRESS, "dest": knob.name}
        if knob.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
        else:
            group.add_argument(flag, type=knob.type, metavar=knob.type.__name__, **common)
