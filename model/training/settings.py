"""The settings of a training: one flat table, each rule beside its setting, saved with the run."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from model.errors import ConfigError
from model.image import ASPECTS, ImagePreprocessor
from model.networks.backbone_names import NO_BACKBONE, SMALLEST_SIDE, check_backbone
from model.tasks import CUSTOM, TASKS

MONITORS = {"val_balanced_accuracy": "max", "val_accuracy": "max", "val_loss": "min"}
"""Columns of the history that may choose the best epoch, and whether more or less is better."""

Fusion = Literal["none", "metadata", "concat", "add", "film", "metablock", "cross_attention"]
FUSIONS = get_args(Fusion)

TRAINED_FINDER = Path(__file__).parents[1] / "trained" / "finder.keras"
"""The lesion finder that is shipped with the project."""

Rotation = Literal["free", "right-angle", "none"]
Schedule = Literal["cosine", "plateau", "constant", "exponential"]
Share = Annotated[float, Field(ge=0, le=1)]
"""Of something, all of it included."""
Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A probability or strength that must not reach 1."""
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(gt=0, lt=1)]


def _dropout_or_default(value: float) -> float:
    if value != -1 and not 0 <= value < 1:
        raise PydanticCustomError("dropout", "Input should be from 0 to below 1, or -1")
    return value


def _widths(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(word.isdecimal() and int(word) for word in words):
        raise PydanticCustomError("widths", "Input should be widths such as 512,256, or empty")
    return tuple(map(int, words))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0.5 <= number <= 5 for number in numbers):
        raise PydanticCustomError("numbers", "Input should be numbers from 0.5 to 5 such as 1.2,2")
    return numbers


def _checked_numbers(text: str) -> str:
    _numbers(text)
    return text


def _checked_widths(text: str) -> str:
    _widths(text)
    return text


DropoutOrDefault = Annotated[float, AfterValidator(_dropout_or_default)]
Numbers = Annotated[str, AfterValidator(_checked_numbers)]
Widths = Annotated[str, AfterValidator(_checked_widths)]


def _setting(default: object, meaning: str) -> object:
    return Field(default, description=meaning)


class TrainConfig(BaseModel):
    """All that a training depends on, besides the data and its split.

    Raises:
        ConfigError: on building, when a setting is unknown, of the wrong type, out of range, or
            excluded by another one.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    # === Task and network ===
    task: Literal[*TASKS, CUSTOM] = _setting("isic2019", "classification task")
    backbone: str = _setting("mobilenet_v2", f"image network: {', '.join(SMALLEST_SIDE)}; or none")
    weights: str = _setting("imagenet", "imagenet (downloaded), none, or a .weights.h5 file")
    init_from: str = _setting(
        "", "network of an earlier training to start from, a .keras file; of A,B the mean"
    )
    pooling: Literal["average", "max", "flatten"] = _setting("average", "of the feature maps")
    fusion: Fusion = _setting("concat", "of image and patient metadata")
    patient_units: Count = _setting(64, "width of the patient branch")
    patient_layers: Count = _setting(2, "layers of the patient branch")
    fused_units: CountOrNone = _setting(128, "width of the layer after the fusion, 0 for none")
    further_units: Widths = _setting("", "widths of the layers after that one, as 512,256")
    dropout: Fraction = _setting(0.3, "dropout before and after that layer")
    further_dropout: Fraction = _setting(0.3, "dropout after each further layer")
    first_dropout: DropoutOrDefault = _setting(-1.0, "dropout before all these layers, -1: dropout")
    last_dropout: DropoutOrDefault = _setting(-1.0, "before the output, -1: that of the last layer")
    head_batchnorm: bool = _setting(False, "BatchNorm after the layer after the fusion")
    output: Literal["softmax", "sigmoid"] = _setting("softmax", "sigmoid: one, for two classes")
    # === Images and metadata ===
    image_side: Annotated[int, Field(ge=32)] = _setting(128, "input size in pixels, square")
    crop_border: bool = _setting(True, "crop the black border of a dermatoscope's tube")
    aspect: Literal[*ASPECTS] = _setting("squeeze", "how a photograph is made square")
    frame: Literal["photograph", "lesion"] = _setting(
        "photograph", "what the network sees: all, or a square around the lesion that was found"
    )
    frame_scales: Numbers = _setting(
        "1.2", "frames that the network sees in serving, averaged: 1.2,1.7"
    )
    finder: str = _setting("", "lesion finder, a .keras file; the project's own if empty")
    frame_low: Positive = _setting(1.0, "smallest frame, in multiples of the lesion's longer side")
    frame_high: Positive = _setting(2.0, "largest frame, likewise")
    artefacts: Share = _setting(0.25, "share of the frames with drawn hair, rulers, pen, bubbles")
    crop_margin: Share = _setting(0.0, "share of the frames of photographs cropped to less margin")
    metadata_dropout_field: Fraction = _setting(0.1, "probability of each field to become unknown")
    metadata_dropout_all: Fraction = _setting(0.2, "probability of all fields to become unknown")
    zoom: Fraction = _setting(0.25, "largest relative zoom of the augmentation")
    shift: Fraction = _setting(0.05, "largest shift along each axis, as a share of the side")
    shear: Fraction = _setting(0.0, "largest shear: shift of a row by its distance from the middle")
    rotation: Rotation = _setting("free", "beside random flips")
    colour: Fraction = _setting(0.2, "largest relative change of brightness and contrast")
    downscale: Fraction = _setting(0.3, "share of the training images that are blurred")
    cutout: Share = _setting(0.0, "share of the training images with a part hidden")
    mixup: Share = _setting(0.0, "share of the training images blended with another")
    balance: Literal["weights", "sampler", "subsample", "oversample", "none"] = _setting(
        "weights", "how classes are balanced"
    )
    class_weight_exponent: Share = _setting(0.5, "within a source, 0: by image; 1: by class")
    small_image_share: Share = _setting(1.0, "of images below 2/3 of image_side, per epoch")
    # === Loss ===
    loss: Literal["cross_entropy", "focal"] = _setting("cross_entropy", "loss function")
    label_smoothing: Fraction = _setting(0.05, "probability mass spread over all classes")
    focal_gamma: NotNegative = _setting(2.0, "focusing parameter of the focal loss")
    consistency: NotNegative = _setting(
        0.0, "weight of how far answers to two views of an image differ, 0: one view is shown"
    )
    l1: NotNegative = _setting(0.0, "L1 penalty on all kernels")
    l2: NotNegative = _setting(0.0, "L2 penalty on all kernels")
    teacher_weight: Share = _setting(0.7, "of the teachers in the loss, in distillation")
    teacher_temperature: Positive = _setting(3.0, "softens teacher and student, in distillation")
    # === Optimiser and schedule ===
    optimiser: Literal["adamw", "adam", "sgd", "rmsprop"] = _setting("adamw", "optimiser")
    learning_rate: Positive = _setting(1e-3, "peak learning rate, after the head's own epochs")
    schedule: Schedule = _setting("cosine", "of the learning rate")
    warmup_epochs: NotNegative = _setting(1.0, "warm-up of the cosine schedule")
    decay: Factor = _setting(0.9, "factor of the exponential schedule")
    decay_steps: CountOrNone = _setting(0, "steps in which it applies once, 0: those of an epoch")
    staircase: bool = _setting(False, "apply it in discrete steps")
    plateau_factor: Factor = _setting(0.2, "factor of the plateau schedule")
    plateau_patience: Count = _setting(2, "epochs without improvement before it applies")
    min_learning_rate: NotNegative = _setting(0.0, "lower bound of the plateau schedule")
    weight_decay: NotNegative = _setting(0.02, "of AdamW")
    momentum: Fraction = _setting(0.9, "of SGD")
    ema: Fraction = _setting(0.0, "momentum of averaged weights, 0 for none, as 0.999")
    # === Stages ===
    head_epochs: CountOrNone = _setting(0, "first epochs, in which the backbone is frozen")
    head_learning_rate: Positive = _setting(1e-3, "peak learning rate of these epochs")
    head_schedule: Schedule = _setting("constant", "of these epochs")
    trainable_layers: CountOrNone = _setting(0, "last ones of the backbone, after them; 0 for all")
    freeze_backbone: bool = _setting(False, "keep the backbone frozen after these epochs as well")
    freeze_batchnorm: bool = _setting(False, "freeze the backbone's BatchNorm layers")
    # === Run ===
    batch_size: Count = _setting(32, "images per step, over all devices")
    epochs: Count = _setting(20, "at most, with the head's own")
    monitor: Literal[*MONITORS] = _setting("val_balanced_accuracy", "for early stopping")
    patience: Count = _setting(8, "epochs without improvement before early stopping")
    head_patience: CountOrNone = _setting(0, "of the head's own epochs, 0 for the same")
    keep: Literal["best", "last"] = _setting("best", "epoch whose weights are kept")
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = _setting(
        "float32", "dtype policy"
    )
    stored: Literal["float32", "float16"] = _setting("float32", "weights in the bundle's files")
    devices: Literal["one", "all"] = _setting("one", "all: share each batch among all devices")
    seed: CountOrNone = _setting(0, "of weights, order, augmentation and metadata dropout")

    def __init__(self, **values: object) -> None:
        """Check the settings; what is not given keeps its default."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_first_of(error)) from error

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        """Refuse settings that are each in range but exclude each other."""
        if self.backbone != NO_BACKBONE:
            check_backbone(self.backbone, self.image_side)
        for reason, found in _exclusions(self).items():
            if found:
                raise PydanticCustomError("combination", reason)
        return self

    @property
    def preprocessor(self) -> ImagePreprocessor:
        """What prepares the photographs, in training and with the bundle."""
        if self.frame == "photograph":
            return ImagePreprocessor(self.image_side, self.crop_border, self.aspect)
        scales = _numbers(self.frame_scales)
        return ImagePreprocessor(self.image_side, crop_border=False, frame_scales=scales)

    @property
    def finder_file(self) -> Path | None:
        """File of the lesion finder; None where the network sees the whole photograph."""
        if self.frame == "photograph":
            return None
        return Path(self.finder) if self.finder else TRAINED_FINDER

    @property
    def init_files(self) -> tuple[Path, ...]:
        """Files of the networks whose mean weights a training starts from."""
        return tuple(Path(name.strip()) for name in self.init_from.split(",") if name.strip())

    @property
    def further_widths(self) -> tuple[int, ...]:
        """Widths of the layers after the one after the fusion."""
        return _widths(self.further_units)

    def with_(self, **changes: object) -> "TrainConfig":
        """A copy with some settings changed, checked again."""
        return TrainConfig(**self.model_dump() | changes)

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(self.model_dump(), indent=1) + "\n", encoding="utf-8")


OLD_NAMES = {
    "forget_all": "metadata_dropout_all",
    "forget_field": "metadata_dropout_field",
    "last_layers": "trainable_layers",
    "low_resolution": "downscale",
    "smallest_rate": "min_learning_rate",
    "start": "init_from",
    "turn": "rotation",
}
"""What settings were called in configs and bundles of earlier versions."""

REMOVED = {"batchnorm_momentum": 0.95, "cutmix": 0.0, "hue": 0.0, "logit_adjustment": 1.0}
"""Settings of earlier versions, with the value at which they changed nothing."""


def current_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Settings that an earlier version may have saved, by today's names.

    Raises:
        ConfigError: a setting that is no longer there, with a value that changed something.
    """
    for name in REMOVED.keys() & values.keys():
        if values[name] != REMOVED[name]:
            raise ConfigError(
                f"{name} is {values[name]!r}, but this version has no such setting. Remove it, or "
                "use the version that wrote it."
            )
    return {OLD_NAMES.get(n, n): value for n, value in values.items() if n not in REMOVED}


def read_config(path: Path) -> dict[str, Any]:
    """Read the settings of a JSON file, of this version or an earlier one.

    Raises:
        ConfigError: the file is missing or holds no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable JSON file: {error}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold one JSON object of settings.")
    return current_settings(values)


def setting_type(name: str) -> type:
    """The type of a setting's values: bool, int, float or str."""
    annotation = TrainConfig.model_fields[name].annotation
    return str if get_origin(annotation) is Literal else annotation


def setting_help(name: str) -> str:
    """What a setting means, its choices and its default, for ``--help-settings``."""
    field = TrainConfig.model_fields[name]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    listed = f": {', '.join(choices)}" if choices else ""
    return f"{field.description}{listed} (default {field.default})"


def _first_of(error: ValidationError) -> str:
    """The first violated rule in one line, naming setting and value."""
    found = error.errors(include_url=False)[0]
    if not found["loc"]:
        return f"{found['msg']}."
    name = found["loc"][0]
    if found["type"] == "extra_forbidden":
        return f"no setting is called {name!r}. Known: {', '.join(TrainConfig.model_fields)}."
    return f"{name} is {found['input']!r}; {found['msg'].replace('Input should', 'it must', 1)}."


OF_WHOLE_PHOTOGRAPHS = ("zoom", "shear", "rotation", "colour", "downscale", "cutout")
"""Augmentation settings that frames, which vary by rules of their own, do not heed."""

OF_FRAMES = ("artefacts", "crop_margin", "frame_low", "frame_high")
"""Augmentation settings of frames, which have no effect on whole photographs."""


def _exclusions(config: TrainConfig) -> dict[str, bool]:
    """Why settings exclude each other → whether they do."""
    unheeded = [
        name
        for name in OF_WHOLE_PHOTOGRAPHS
        if getattr(config, name) != TrainConfig.model_fields[name].default
    ]
    metadata_only = config.fusion == "metadata"
    return {
        f"head_epochs is {config.head_epochs}; it must be at most epochs": (
            config.head_epochs > config.epochs
        ),
        f"fusion metadata uses no image: set backbone to {NO_BACKBONE}, or choose another "
        "fusion": metadata_only and config.backbone != NO_BACKBONE,
        f"backbone {NO_BACKBONE} leaves nothing but the patient: set fusion to metadata, or name "
        "a backbone": config.backbone == NO_BACKBONE and not metadata_only,
        "fusion metadata uses no image, which mixup mixes: set it to 0": (
            metadata_only and config.mixup > 0
        ),
        "fusion metadata has no backbone to freeze: set head_epochs to 0": (
            metadata_only and config.head_epochs > 0
        ),
        "fusion cross_attention attends to the cells of the feature map: set pooling to average": (
            config.fusion == "cross_attention" and config.pooling != "average"
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
        "frame_low is above frame_high": config.frame_low > config.frame_high,
        "frame lesion needs images, which fusion metadata has none of": (
            metadata_only and config.frame == "lesion"
        ),
        f"frame lesion augments by rules of its own: leave out {', '.join(unheeded)}": (
            config.frame == "lesion" and bool(unheeded)
        ),
        "consistency compares two views of an image, which mixup blends with others: set one of "
        "them to 0": config.consistency > 0 and config.mixup > 0,
        "fusion metadata uses no image, of which consistency compares views: set it to 0": (
            metadata_only and config.consistency > 0
        ),
        f"consistency shows each image twice: set batch_size {config.batch_size} to an even "
        "number": config.consistency > 0 and config.batch_size % 2 == 1,
        "frame lesion has no mixup: set it to 0": config.frame == "lesion" and config.mixup > 0,
        "output sigmoid is for two classes, not for those of this task: set output to softmax": (
            config.output == "sigmoid"
            and config.task in TASKS
            and len(TASKS[config.task].classes) != 2
        ),
        "freeze_backbone leaves no layers of it to train: set trainable_layers to 0": (
            config.freeze_backbone and config.trainable_layers > 0
        ),
        "fusion metadata has no backbone to freeze: set freeze_backbone to false": (
            metadata_only and config.freeze_backbone
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
