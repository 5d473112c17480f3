"""Augmentation on the training device: layers, and what an epoch draws."""

from typing import get_args

import keras
import numpy as np
import pytest

from model.patient import FIELDS, Patient, PatientEncoder
from model.training.augmentation import (
    ROTATIONS,
    RandomColour,
    RandomResolution,
    RandomView,
    build_augmenter,
)
from model.training.batches import TrainingBatches
from model.training.resume import NumberedEpochs
from model.training.settings import Rotation

ENCODER = PatientEncoder(FIELDS, {"age": {"mean": 50.0, "std": 20.0}, "sex": {}, "site": {}})
STILL = {"side": 16, "zoom": 0.0, "colour": 0.0, "downscale": 0.0}


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)


def run(layer, images):
    return keras.ops.convert_to_numpy(layer(images, training=True))


@pytest.mark.parametrize(
    "layer",
    [
        RandomView(zoom=0.2, seed=1),
        RandomView(zoom=0.2, seed=1, rotation="right-angle"),
        RandomColour(strength=0.2, seed=1),
        RandomResolution(rate=0.5, seed=1),
        build_augmenter(**STILL, seed=1, cutout=1.0),
        build_augmenter(side=16, zoom=0.2, colour=0.2, downscale=0.5, seed=1, cutout=0.5),
    ],
)
def test_training_images_are_changed_others_are_not_and_all_keep_their_range(layer, photographs):
    still = keras.ops.convert_to_numpy(layer(photographs, training=False))
    assert np.array_equal(still, photographs)
    changed = run(layer, photographs)
    assert changed.shape == photographs.shape
    assert np.abs(changed - photographs).max() > 1
    assert changed.min() >= -1e-3
    assert changed.max() <= 255 + 1e-3


def test_augmentation_without_strength_keeps_the_colours():
    flat = np.full((4, 16, 16, 3), [200.0, 120.0, 80.0], np.float32)
    out = run(build_augmenter(**STILL, seed=0), flat)
    np.testing.assert_allclose(out, flat, atol=1e-2)


def views_of(image, turn, count=60):
    """Which of the eight exact views each of many augmented copies is: 4 turns, then mirrored."""
    layer = RandomView(zoom=0.0, seed=3, rotation=turn, shift=0.0)
    out = run(layer, np.repeat(image[None], count, axis=0))
    exact = [np.rot90(source, turns) for source in (image, image[:, ::-1]) for turns in range(4)]
    apart = [[np.abs(copy - view).max() for view in exact] for copy in out]
    return set(np.argmin(apart, axis=1).tolist()), np.min(apart, axis=1)


def test_turns_are_exact_at_right_angles_and_any_angle_when_free(photographs):
    assert set(ROTATIONS) == set(get_args(Rotation))
    turned, apart = views_of(photographs[0], "right-angle")
    assert turned == set(range(8))
    assert apart.max() < 0.5
    mirrored, apart = views_of(photographs[0], "none")
    assert mirrored == {0, 2, 4, 6}  # mirrored on no, one or both axes
    assert apart.max() < 0.5
    assert np.median(views_of(photographs[0], "free")[1]) > 10


def test_a_shear_slants_rows_by_their_distance_from_the_middle_and_moves_no_other_way():
    stripes = np.zeros((16, 16, 3), np.float32)
    stripes[:, 8:] = 255.0
    layer = RandomView(zoom=0.0, seed=3, rotation="none", shift=0.0, shear=0.5)
    out = run(layer, np.repeat(stripes[None], 40, axis=0))[..., 0] / 255
    bright = out.sum(axis=2)  # (40, 16): how much of each row is bright
    assert np.abs(bright[:, 7:9].mean(axis=1) - 8).max() < 0.5
    assert np.ptp(bright, axis=1).max() > 4
    assert np.ptp(bright, axis=1).max() <= 0.5 * 15 + 1


def test_a_shift_moves_as_far_as_it_is_set():
    dot = np.zeros((64, 64, 3), np.float32)
    dot[32, 32] = 255.0
    moved = []
    for shift in (0.0, 0.25):
        layer = RandomView(zoom=0.0, seed=3, rotation="none", shift=shift)
        out = run(layer, np.repeat(dot[None], 60, axis=0))[..., 0]
        place = np.array([np.unravel_index(image.argmax(), image.shape) for image in out])
        moved.append(np.abs(place - 31.5).max())
    assert moved[0] <= 1
    assert 12 <= moved[1] <= 0.25 * 64 + 1


def test_cutout_hides_a_patch_of_the_stated_share_of_images():
    white = np.full((400, 16, 16, 3), 255.0, np.float32)
    out = run(build_augmenter(**STILL, seed=2, cutout=0.4), white)
    hidden = (out < 200).all(axis=-1).mean(axis=(1, 2))
    assert np.mean(hidden > 0) == pytest.approx(0.4, abs=0.08)
    assert hidden.max() <= 0.35


def build_trainer():
    """Augmentation, dropout and one layer: everything random that a training has."""
    keras.utils.set_random_seed(4)
    image, patient = keras.Input((16, 16, 3), name="image"), keras.Input((14,), name="patient")
    augmenter = build_augmenter(side=16, zoom=0.2, colour=0.2, downscale=0.3, seed=4)
    flat = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(augmenter(image) / 255))
    joined = keras.layers.Dropout(0.3, seed=9)(keras.layers.Concatenate()([flat, patient]))
    inputs = {"image": image, "patient": patient}
    trainer = keras.Model(inputs, keras.layers.Dense(4, "softmax")(joined))
    trainer.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    return trainer


def fit(trainer, **epochs):
    rng = np.random.default_rng(1)
    count = 40
    batches = TrainingBatches(
        rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8),
        ENCODER.encode([Patient(age=60.0, sex="male", site="head/neck")] * count),
        np.arange(count) % 4,
        encoder=ENCODER,
        metadata_dropout_field=0.3,
        metadata_dropout_all=0.2,
        subsample_mask=np.zeros(count, bool),
        subsample_share=1.0,
        seed=5,
        weights=np.ones(count),
        classes=4,
        batch_size=8,
    )
    callbacks = [NumberedEpochs(batches)]
    trainer.fit(batches, shuffle=False, verbose=0, callbacks=callbacks, **epochs)


def test_a_training_resumed_at_an_epoch_ends_like_one_that_was_not_interrupted():
    whole = build_trainer()
    fit(whole, epochs=3)
    first = build_trainer()
    fit(first, epochs=2)
    second = build_trainer()  # as in a new process, its random states begin anew
    second.set_weights(first.get_weights())
    fit(second, initial_epoch=2, epochs=3)
    for left, right in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
