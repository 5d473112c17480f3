"""The settings of a training: one flat table, saved with the run."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from model.errors import ConfigError
from model.image import ASPECTS, ImagePreprocessor
from model.networks.backbone_names import NO_BACKBONE, SMALLEST_SIDE, check_backbone
from model.tasks import CUSTOM, TASKS
from model.training.monitor import MONITORS

FUSIONS = ("none", "metadata", "concat", "add", "film", "metablock", "cross_attention")
POOLINGS = ("average", "max", "flatten")
OPTIMISERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "plateau", "constant", "exponential")
LOSSES = ("cross_entropy", "focal", "logit_adjusted")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
STORED = ("float32", "float16")
DEVICES = ("one", "all")
TURNS = ("free", "right-angle", "none")
BALANCES = ("weights", "sampler", "subsample", "oversample", "none")
OUTPUTS = ("softmax", "sigmoid")
KEPT = ("best", "last")


def _knob(default: object, meaning: str) -> object:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class TrainConfig:
    """All that a training depends on, beside the data and its split.

    Raises:
        ConfigError: on building, when a value is out of range, or excluded by another one.
    """

    # === Task and network ===
    task: str = _knob("isic2019", f"what is asked: {', '.join((*TASKS, CUSTOM))}")
    backbone: str = _knob("mobilenet_v2", f"image network: {', '.join(SMALLEST_SIDE)}; or none")
    weights: str = _knob("imagenet", "imagenet (downloaded), none, or a .weights.h5 file")
    start: str = _knob("", "network of an earlier training to go on from, a .keras file")
    pooling: str = _knob("average", f"of the feature maps: {', '.join(POOLINGS)}")
    fusion: str = _knob("concat", f"of image and patient: {', '.join(FUSIONS)}")
    patient_units: int = _knob(64, "width of the patient branch")
    patient_layers: int = _knob(2, "layers of the patient branch")
    fused_units: int = _knob(128, "width of the layer after the fusion, 0 for none")
    further_units: str = _knob("", "widths of the layers after that one, as 512,256")
    dropout: float = _knob(0.3, "dropout before and after that layer")
    further_dropout: float = _knob(0.3, "dropout after each further layer")
    first_dropout: float = _knob(-1.0, "dropout before all these layers, -1 for that of dropout")
    last_dropout: float = _knob(-1.0, "dropout before the output, -1 for that of the last layer")
    head_batchnorm: bool = _knob(False, "BatchNorm after the layer after the fusion")
    output: str = _knob("softmax", "softmax, or sigmoid: a single one, where there are two classes")
    # === Images and patients ===
    image_side: int = _knob(128, "side of the square that the network sees, pixels")
    crop_border: bool = _knob(True, "cut off the black border of a dermatoscope's tube")
    aspect: str = _knob("squeeze", f"of a photograph made square: {', '.join(ASPECTS)}")
    forget_field: float = _knob(0.1, "probability of each patient field to become unknown")
    forget_all: float = _knob(0.2, "probability of a row's fields all to become unknown")
    zoom: float = _knob(0.25, "largest relative zoom of the augmentation")
    shift: float = _knob(0.05, "its largest shift along each axis, as a share of the side")
    shear: float = _knob(0.0, "its largest shear: shift of a row by its distance from the middle")
    turn: str = _knob("free", f"of the augmentation, beside mirroring: {', '.join(TURNS)}")
    colour: float = _knob(0.2, "largest relative change of brightness and contrast")
    hue: float = _knob(0.0, "largest turn of the colour circle, 1 for 180 degrees either way")
    low_resolution: float = _knob(0.3, "share of the training images that are blurred")
    cutout: float = _knob(0.0, "share of the training images with a part hidden")
    mixup: float = _knob(0.0, "share of the training images blended with another")
    cutmix: float = _knob(0.0, "share of the training images with a part of another")
    balance: str = _knob("weights", f"of the classes, by: {', '.join(BALANCES)}")
    class_weight_exponent: float = _knob(0.5, "within a source, 0: images weigh alike; 1: classes")
    small_image_share: float = _knob(1.0, "seen in an epoch, of images below 2/3 of image_side")
    # === Loss ===
    loss: str = _knob("cross_entropy", f"one of {', '.join(LOSSES)}")
    label_smoothing: float = _knob(0.05, "probability mass spread over all classes")
    focal_gamma: float = _knob(2.0, "of the focal loss: how little easy images count")
    logit_adjustment: float = _knob(1.0, "of the logit-adjusted loss: power of the class shares")
    l1: float = _knob(0.0, "penalty on the absolute values of all kernels")
    l2: float = _knob(0.0, "penalty on the squares of all kernels")
    teacher_weight: float = _knob(0.7, "of the teachers in the loss, when distilling")
    teacher_temperature: float = _knob(3.0, "of both sides' answers, when distilling")
    # === Optimiser and schedule ===
    optimiser: str = _knob("adamw", f"one of {', '.join(OPTIMISERS)}")
    learning_rate: float = _knob(1e-3, "highest rate, of all epochs after the head's own")
    schedule: str = _knob("cosine", f"of the learning rate: {', '.join(SCHEDULES)}")
    warmup_epochs: float = _knob(1.0, "epochs in which the cosine schedule rises")
    decay: float = _knob(0.9, "factor of the exponential schedule")
    decay_steps: int = _knob(0, "steps in which it applies once, 0 for those of an epoch")
    staircase: bool = _knob(False, "apply it at once after these steps, not a little at each")
    plateau_factor: float = _knob(0.2, "factor of the plateau schedule")
    plateau_patience: int = _knob(2, "epochs that it waits for a better validation")
    smallest_rate: float = _knob(0.0, "below which it does not go")
    weight_decay: float = _knob(0.02, "of AdamW")
    momentum: float = _knob(0.9, "of SGD")
    ema: float = _knob(0.0, "share of the old weights in a running average, 0 for none, as 0.999")
    # === Stages ===
    head_epochs: int = _knob(0, "first epochs, in which the backbone is frozen")
    head_learning_rate: float = _knob(1e-3, "highest rate of these epochs")
    head_schedule: str = _knob("constant", "of these epochs, as schedule")
    last_layers: int = _knob(0, "of the backbone that learn after these epochs, 0 for all")
    freeze_backbone: bool = _knob(False, "keep the backbone frozen after these epochs as well")
    freeze_batchnorm: bool = _knob(False, "keep the backbone's BatchNorm layers as they are")
    batchnorm_momentum: float = _knob(0.95, "of the backbone's BatchNorm layers")
    # === Run ===
    batch_size: int = _knob(32, "images a step, over all devices")
    epochs: int = _knob(20, "most passes over the training part, with the head's own")
    monitor: str = _knob("val_balanced_accuracy", f"judges an epoch: {', '.join(MONITORS)}")
    patience: int = _knob(8, "epochs without a better one before a stage stops")
    head_patience: int = _knob(0, "of the head's own epochs, 0 for the same")
    keep: str = _knob("best", "weights kept: of the best epoch or of the last one")
    precision: str = _knob("float32", f"of the arithmetic: {', '.join(PRECISIONS)}")
    stored: str = _knob("float32", f"weights in the bundle's files: {', '.join(STORED)}")
    devices: str = _knob("one", "all: share each batch among all devices that there are")
    seed: int = _knob(0, "of weights, order, augmentation and forgetting")

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            self._require(
                not isinstance(value, float) or math.isfinite(value), name, "a finite number"
            )
        for names, (rule, holds) in _RULES.items():
            for name in names.split():
                self._require(holds(getattr(self, name)), name, rule)
        for name, known in _WORDS.items():
            self._require(getattr(self, name) in known, name, f"one of {', '.join(known)}")
        _widths(self.further_units)
        self._require(self.head_epochs <= self.epochs, "head_epochs", "at most epochs")
        self._require(self.mixup + self.cutmix <= 1, "mixup", "at most 1 together with cutmix")
        _check_sense(self)

    def _require(self, holds: bool, name: str, rule: str) -> None:
        if not holds:
            raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be {rule}.")

    @property
    def preprocessor(self) -> ImagePreprocessor:
        """What prepares the photographs, in training and with the bundle."""
        return ImagePreprocessor(self.image_side, self.crop_border, self.aspect)

    @property
    def mixes(self) -> bool:
        """Whether training images are mixed with others."""
        return self.mixup + self.cutmix > 0

    @property
    def further_widths(self) -> tuple[int, ...]:
        """Widths of the layers after the one after the fusion."""
        return _widths(self.further_units)

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


_RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "dropout further_dropout forget_field forget_all low_resolution label_smoothing zoom shift"
    " shear colour hue batchnorm_momentum momentum ema": (
        "from 0 to below 1",
        lambda value: 0 <= value < 1,
    ),
    "class_weight_exponent small_image_share cutout mixup cutmix teacher_weight": (
        "from 0 to 1",
        lambda value: 0 <= value <= 1,
    ),
    "first_dropout last_dropout": (
        "from 0 to below 1, or -1",
        lambda value: value == -1 or 0 <= value < 1,
    ),
    "patient_units patient_layers batch_size epochs patience plateau_patience": (
        "at least 1",
        lambda value: value >= 1,
    ),
    "fused_units head_epochs last_layers seed l1 l2 focal_gamma logit_adjustment weight_decay"
    " warmup_epochs smallest_rate decay_steps head_patience": (
        "at least 0",
        lambda value: value >= 0,
    ),
    "learning_rate head_learning_rate teacher_temperature": ("above 0", lambda value: value > 0),
    "decay plateau_factor": ("above 0 and below 1", lambda value: 0 < value < 1),
    "image_side": ("at least 32", lambda value: value >= 32),
}
"""What holds for each number, by the names that share a rule."""

_WORDS = {
    "task": (*TASKS, CUSTOM),
    "fusion": FUSIONS,
    "pooling": POOLINGS,
    "aspect": ASPECTS,
    "turn": TURNS,
    "balance": BALANCES,
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "head_schedule": SCHEDULES,
    "keep": KEPT,
    "monitor": tuple(MONITORS),
    "output": OUTPUTS,
    "precision": PRECISIONS,
    "stored": STORED,
    "devices": DEVICES,
}


def _check_sense(config: TrainConfig) -> None:
    """Refuse settings that are each in range but exclude each other."""
    if config.backbone != NO_BACKBONE:
        check_backbone(config.backbone, config.image_side)
    alone = config.fusion == "metadata"
    excluded = {
        f"fusion metadata looks at no image: set backbone to {NO_BACKBONE}, or choose another "
        "fusion": alone and config.backbone != NO_BACKBONE,
        f"backbone {NO_BACKBONE} leaves nothing but the patient: set fusion to metadata, or name "
        "a backbone": config.backbone == NO_BACKBONE and not alone,
        "fusion metadata looks at no image, which mixup and cutmix mix: set both to 0": (
            alone and config.mixes
        ),
        "fusion metadata has no backbone to freeze: set head_epochs to 0": (
            alone and config.head_epochs > 0
        ),
        "fusion cross_attention looks at the cells of the feature map: set pooling to average": (
            config.fusion == "cross_attention" and config.pooling != "average"
        ),
        "loss logit_adjusted evens out the classes by itself: set balance to none": (
            config.loss == "logit_adjusted" and config.balance != "none"
        ),
        "head_batchnorm follows a layer that fused_units 0 leaves out: set one of them": (
            config.head_batchnorm and config.fused_units == 0
        ),
        "no layer is between first_dropout and last_dropout: set one of them to -1, or fused_units "
        "or further_units": (
            min(config.first_dropout, config.last_dropout) >= 0
            and not config.fused_units
            and not config.further_widths
        ),
        "output sigmoid tells two classes apart, not those of this task: set output to softmax": (
            config.output == "sigmoid"
            and config.task in TASKS
            and len(TASKS[config.task].classes) != 2
        ),
        "freeze_backbone leaves no layers of it to learn: set last_layers to 0": (
            config.freeze_backbone and config.last_layers > 0
        ),
        "fusion metadata has no backbone to freeze: set freeze_backbone to false": (
            alone and config.freeze_backbone
        ),
        "head_patience is of the head's own epochs: set it to 0, or set head_epochs": (
            config.head_patience > 0 and config.head_epochs == 0
        ),
        "decay_steps and staircase are of the exponential schedule: set schedule or head_schedule "
        "to exponential": (
            (config.decay_steps > 0 or config.staircase)
            and "exponential" not in (config.schedule, config.head_schedule)
        ),
        "balance oversample shows every image: set small_image_share to 1": (
            config.balance == "oversample" and config.small_image_share < 1
        ),
    }
    for reason, found in excluded.items():
        if found:
            raise ConfigError(f"{reason}.")


def _widths(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(word.isdecimal() and int(word) for word in words):
        raise ConfigError(
            f"further_units is {text!r}; it must be widths such as 512,256, or empty."
        )
    return tuple(map(int, words))


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
