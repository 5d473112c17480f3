"""Training the dual-branch network on a data folder, with resume."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from model.augment import build_augmenter
from model.backbones import build_backbone
from model.balanced_accuracy import BalancedAccuracy
from model.batches import LabelledBatches, TrainingBatches, balanced_weights
from model.cache import cached_images
from model.config import TrainConfig, config_from_dict, read_config
from model.dataset import Dataset, table_patients
from model.diagnosis import DIAGNOSES
from model.epochs import NumberedEpochs
from model.errors import ConfigError
from model.image import ImagePreprocessor
from model.mix import RECIPE, MixImages
from model.network import build_network
from model.patient import PatientEncoder
from model.split import Split

MONITOR = "val_balanced_accuracy"


@dataclass(frozen=True)
class Part:
    """One part of the data as arrays, rows in the same order."""

    images: np.ndarray  # uint8 (N, side, side, 3)
    patients: np.ndarray  # float32 (N, width)
    labels: np.ndarray  # class numbers (N,)
    sources: np.ndarray  # str (N,)
    small: np.ndarray  # bool (N,): the file has fewer pixels than the network sees


def train(
    dataset: Dataset, split: Split, config: TrainConfig, *, out: Path, cache_dir: Path
) -> tuple[keras.Model, PatientEncoder]:
    """Train, or go on with an interrupted training in ``out``, and return the network.

    Its weights are those of the best epoch, by balanced accuracy on the validation part, or of the
    last one, as the config says. ``out`` receives config.json, split.json,
    history.csv, TensorBoard logs and best.weights.h5.

    Raises:
        ConfigError: ``out`` holds a training with other settings or another split.
    """
    _claim(out, config, split)
    keras.utils.set_random_seed(config.seed)
    train_table = split.part("train", dataset.table)
    encoder = PatientEncoder.fit(train_table["age_approx"].tolist())
    learned = load_part(train_table, encoder, config, cache_dir)
    held_out = load_part(split.part("validation", dataset.table), encoder, config, cache_dir)

    network = _network(config, encoder)
    trainer = _with_augmentation(network, config)
    batches = _training_batches(learned, encoder, config)
    _compile(trainer, config, steps=len(batches) * config.epochs)
    trainer.fit(
        batches,
        shuffle=False,  # the batches are shuffled, in the same way after an interruption
        validation_data=_validation_batches(held_out, config),
        epochs=config.epochs,
        callbacks=_callbacks(out, config, batches),
    )
    if config.keep == "best":
        trainer.load_weights(out / "best.weights.h5")
    return network, encoder


def load_part(
    table: pd.DataFrame, encoder: PatientEncoder, config: TrainConfig, cache_dir: Path
) -> Part:
    """Prepare the images, patients and labels of a table's rows."""
    preprocessor = ImagePreprocessor(config.image_side, config.crop_border, config.aspect)
    images = cached_images(table["path"].tolist(), preprocessor, cache_dir=cache_dir)
    labels = table["diagnosis"].map({code: n for n, code in enumerate(DIAGNOSES)})
    return Part(
        images,
        encoder.encode(table_patients(table)),
        labels.to_numpy(np.int64),
        sources=table["source"].to_numpy(str),
        small=(table[["width", "height"]].min(axis=1) < config.image_side).to_numpy(),
    )


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


def _network(config: TrainConfig, encoder: PatientEncoder) -> keras.Model:
    backbone = build_backbone(
        config.backbone,
        side=config.image_side,
        weights="none" if config.start else config.weights,
        batchnorm_momentum=config.batchnorm_momentum,
    )
    network = build_network(
        backbone,
        patient_width=encoder.width,
        classes=len(DIAGNOSES),
        patient_units=config.patient_units,
        fused_units=config.fused_units,
        dropout=config.dropout,
    )
    if config.start:
        _go_on_from(Path(config.start), network)
    return network


def _go_on_from(start: Path, network: keras.Model) -> None:
    """Copy the weights of an earlier network into this one."""
    try:
        earlier = keras.models.load_model(start, compile=False, safe_mode=True)
        network.set_weights(earlier.get_weights())
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"start {str(start)!r} is no .keras file of a network like this one. Give the "
            f"network.keras of a bundle with the same backbone and widths ({error})."
        ) from error


def _with_augmentation(network: keras.Model, config: TrainConfig) -> keras.Model:
    """Put the augmentation before the network, which is saved without it."""
    augmenter = build_augmenter(
        side=config.image_side,
        zoom=config.zoom,
        colour=config.colour,
        low_resolution=config.low_resolution,
        seed=config.seed,
        turn=config.turn,
        hue=config.hue,
        cutout=config.cutout,
    )
    image, patient = network.input["image"], network.input["patient"]
    inputs = {
        "image": keras.Input(image.shape[1:], name="image"),
        "patient": keras.Input(patient.shape[1:], name="patient"),
    }
    changed = augmenter(inputs["image"])
    if config.mixes:
        inputs["mix"] = keras.Input((RECIPE,), name="mix")
        changed = MixImages()(changed, inputs["mix"])
    return keras.Model(inputs, network({"image": changed, "patient": inputs["patient"]}))


def _training_batches(part: Part, encoder: PatientEncoder, config: TrainConfig) -> TrainingBatches:
    balanced = balanced_weights(part.labels, part.sources, config.class_weight_exponent)
    return TrainingBatches(
        part.images,
        part.patients,
        part.labels,
        encoder=encoder,
        forget_field=config.forget_field,
        forget_all=config.forget_all,
        seldom=part.small,
        seldom_share=config.small_image_share,
        seed=config.seed,
        weights=balanced if config.balance == "weights" else np.ones(len(balanced)),
        chances=balanced if config.balance == "sampler" else None,
        mixup=config.mixup,
        cutmix=config.cutmix,
        classes=len(DIAGNOSES),
        batch_size=config.batch_size,
    )


def _validation_batches(part: Part, config: TrainConfig) -> LabelledBatches:
    return LabelledBatches(
        part.images,
        part.patients,
        part.labels,
        weights=np.ones(len(part.labels)),
        classes=len(DIAGNOSES),
        batch_size=max(64, config.batch_size),
        mixing=config.mixes,
    )


def _compile(trainer: keras.Model, config: TrainConfig, *, steps: int) -> None:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        warmup = int(steps * min(config.warmup_epochs / config.epochs, 0.5))
        rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate / 100,
            steps - warmup,
            alpha=1e-3,
            warmup_target=config.learning_rate,
            warmup_steps=warmup,
        )
    trainer.compile(
        keras.optimizers.AdamW(rate, weight_decay=config.weight_decay),
        keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=["accuracy", BalancedAccuracy(len(DIAGNOSES))],
        jit_compile=False,
    )


def _callbacks(
    out: Path, config: TrainConfig, batches: TrainingBatches
) -> list[keras.callbacks.Callback]:
    history = out / "history.csv"
    callbacks = [
        NumberedEpochs(batches),
        keras.callbacks.ModelCheckpoint(
            out / "best.weights.h5",
            monitor=MONITOR,
            mode="max",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=_best_so_far(history),
        ),
        keras.callbacks.EarlyStopping(MONITOR, mode="max", patience=config.patience),
        keras.callbacks.CSVLogger(history, append=history.exists()),
    ]
    if config.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(MONITOR, mode="max", factor=0.2, patience=2)
        )
    # Keras writes TensorBoard logs by way of TensorFlow, which other backends do without.
    if importlib.util.find_spec("tensorflow"):
        callbacks.append(keras.callbacks.TensorBoard(out / "logs"))
    # Last, so that what the others wrote of an epoch is there before it counts as done.
    callbacks.append(keras.callbacks.BackupAndRestore(out / "backup", delete_checkpoint=False))
    return callbacks


def _best_so_far(history: Path) -> float | None:
    """Best validation of the epochs before an interruption."""
    if not history.exists():
        return None
    return float(pd.read_csv(history)[MONITOR].max())
