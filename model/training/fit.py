"""Fit a network on one part of the data and validate it on another, stage by stage."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from model.errors import ConfigError
from model.patient import PatientEncoder
from model.training.augmentation import MIXUP_COLUMNS, MixImages, build_augmenter
from model.training.batches import (
    RESAMPLED,
    LabelledBatches,
    Part,
    TrainingBatches,
    balanced_weights,
)
from model.training.devices import device_count
from model.training.history import best_row
from model.training.losses import (
    BalancedAccuracy,
    ConsistencyPenalty,
    Distilled,
    PartialCrossentropy,
    Tensor,
    loss_of,
)
from model.training.resume import BEST_FILE, Callback, Progress, callbacks_of
from model.training.settings import TrainConfig
from model.training.stages import (
    Stage,
    optimiser_of,
    penalise_kernels,
    rate_of,
    set_trainable,
    stages_of,
)

OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")
"""Names of what the backends raise; JAX has no error of its own but says RESOURCE_EXHAUSTED."""


def fit(
    network: keras.Model,
    training: Part,
    validation: Part,
    encoder: PatientEncoder,
    config: TrainConfig,
    *,
    out: Path,
    until: int | None = None,
    callbacks: Sequence[Callback] = (),
    augment: bool = True,
    teacher: np.ndarray | None = None,
) -> None:
    """Fit the network in all stages, or resume the fitting that ``out`` holds.

    The network ends with the weights of the best or the last epoch, as the config says, averaged
    over steps if it says so. ``out`` receives history.csv, best.weights.h5, TensorBoard logs and
    backups.

    Args:
        network: with the inputs ``image`` and ``patient``, and softmax as output.
        training: what it is trained on.
        validation: what it is validated on after each epoch.
        encoder: of the patients, for metadata dropout.
        config: all settings.
        out: folder of this fitting.
        until: number of epochs, over all stages, after which to stop for now; a later call with
            more resumes as if there had been no stop.
        callbacks: further ones. What they add to an epoch's logs is written to the history.
        augment: whether to augment images; not if they are features.
        teacher: soft labels of ``training`` for distillation, float32 (N, classes).

    Raises:
        ConfigError: a step needs more memory than there is, or what is monitored was NaN in every
            epoch.
    """
    classes = network.output_shape[-1]
    batches = _training_batches(training, encoder, config, classes, teacher)
    validation_data = validation_batches(validation, config, classes)
    progress, trainers, first = Progress(out), {}, 0
    for stage in stages_of(config):
        trainer = trainers[stage] = _trainer(network, stage, config, batches, augment=augment)
        stopped = progress.stopped_early(stage, config.monitor)
        end = progress.done(stage) if stopped else min(first + stage.epochs, until or sys.maxsize)
        with _memory_advice(config):
            # Where all epochs are done already, this loads the last weights.
            trainer.fit(
                batches,
                shuffle=False,  # the batches are shuffled, in the same way after an interruption
                validation_data=validation_data,
                initial_epoch=first,
                epochs=end,
                callbacks=callbacks_of(stage, config, batches, progress, further=callbacks),
            )
        first = progress.done(stage)
        if until and first >= until:
            break
    if config.keep == "best":
        _load_best(network, trainers, config, progress)
    network.trainable = True


def validation_batches(part: Part, config: TrainConfig, classes: int) -> LabelledBatches:
    """The validation batches, in the part's order."""
    return LabelledBatches(
        part.images,
        part.patients,
        part.labels,
        weights=np.ones(len(part.labels)),
        classes=classes,
        batch_size=config.batch_size * max(1, 64 // config.batch_size),
        mixing=config.mixup > 0,
        devices=device_count(config),
    )


def _training_batches(
    part: Part,
    encoder: PatientEncoder,
    config: TrainConfig,
    classes: int,
    teacher: np.ndarray | None,
) -> TrainingBatches:
    balanced = balanced_weights(part.labels, part.sources, config.class_weight_exponent)
    return TrainingBatches(
        part.images,
        part.patients,
        part.labels,
        encoder=encoder,
        metadata_dropout_field=config.metadata_dropout_field,
        metadata_dropout_all=config.metadata_dropout_all,
        subsample_mask=part.small,
        subsample_share=config.small_image_share,
        seed=config.seed,
        weights=balanced if config.balance == "weights" else np.ones(len(balanced)),
        sampling_weights=balanced if config.balance == "sampler" else None,
        resample=config.balance if config.balance in RESAMPLED else "",
        mixup=config.mixup,
        paired=config.consistency > 0,
        teacher=teacher,
        classes=classes,
        coarse=part.coarse,
        batch_size=config.batch_size,
        devices=device_count(config),
    )


def _trainer(
    network: keras.Model,
    stage: Stage,
    config: TrainConfig,
    batches: TrainingBatches,
    *,
    augment: bool,
) -> keras.Model:
    """Compile the model that a stage fits: the network behind the augmentation, partly frozen."""
    set_trainable(network, stage, config)
    penalise_kernels(network, config)
    trainer = _augmented(network, config, augment=augment)
    trainer.compile(
        optimiser_of(config, rate_of(stage, config, steps=len(batches))),
        _loss(config, batches),
        metrics=[_accuracy(batches.classes), BalancedAccuracy(batches.classes)],
        # Without it, JAX would run each operation on its own.
        jit_compile=keras.backend.backend() == "jax",
    )
    return trainer


def _augmented(network: keras.Model, config: TrainConfig, *, augment: bool) -> keras.Model:
    """Put augmentation and mixup before the network and the penalty after it.

    It is saved without them.
    """
    image, patient = network.input["image"], network.input["patient"]
    inputs = {
        "image": keras.Input(image.shape[1:], name="image"),
        "patient": keras.Input(patient.shape[1:], name="patient"),
    }
    augment = augment and config.frame == "photograph"  # frames are varied as they are cropped
    changed = _augmenter(config)(inputs["image"]) if augment else inputs["image"]
    if config.mixup > 0:
        inputs["mix"] = keras.Input((MIXUP_COLUMNS,), name="mix")
        changed = MixImages()(changed, inputs["mix"])
    probabilities = network({"image": changed, "patient": inputs["patient"]})
    if config.consistency > 0:
        probabilities = ConsistencyPenalty(config.consistency)(probabilities)
    return keras.Model(inputs, probabilities)


def _augmenter(config: TrainConfig) -> keras.Model:
    return build_augmenter(
        side=config.image_side,
        zoom=config.zoom,
        colour=config.colour,
        downscale=config.downscale,
        seed=config.seed,
        rotation=config.rotation,
        shift=config.shift,
        shear=config.shear,
        cutout=config.cutout,
    )


def _loss(config: TrainConfig, batches: TrainingBatches) -> keras.losses.Loss:
    loss = loss_of(config)
    if batches.has_coarse_labels:
        loss = PartialCrossentropy(config.label_smoothing)
    if batches.teacher is None:
        return loss
    return Distilled(
        loss,
        classes=batches.classes,
        weight=config.teacher_weight,
        temperature=config.teacher_temperature,
    )


def _accuracy(classes: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Accuracy; soft labels may follow the labels' columns."""

    def accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.metrics.categorical_accuracy(y_true[:, :classes], y_pred)

    return accuracy


def _load_best(
    network: keras.Model,
    trainers: dict[Stage, keras.Model],
    config: TrainConfig,
    progress: Progress,
) -> None:
    """Load the best epoch's weights, by way of the stage whose optimiser was saved with them."""
    history = progress.history()
    if history[config.monitor].isna().all():
        raise ConfigError(
            f"{config.monitor} was NaN in every epoch, so none is the best. Lower learning_rate, "
            "or set monitor to val_balanced_accuracy."
        )
    number = history.loc[best_row(history, config.monitor), "stage"]
    stage = next(stage for stage in trainers if stage.number == number)
    set_trainable(network, stage, config)
    trainers[stage].load_weights(progress.out / BEST_FILE)
    # With EMA, the file has the raw weights, and the averages in the optimiser.
    trainers[stage].optimizer.finalize_variable_values(trainers[stage].trainable_variables)


@contextmanager
def _memory_advice(config: TrainConfig) -> Iterator[None]:
    """Advise what to lower where a step does not fit into memory; other errors pass unchanged."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in OUT_OF_MEMORY and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise ConfigError(
            f"a step of {config.batch_size} images of {config.image_side} px does not fit into "
            "memory. Lower batch_size, or image_side, or choose a smaller backbone."
        ) from error
