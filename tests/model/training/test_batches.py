"""Batches and augmentation."""

import keras
import numpy as np
import pytest

from model.patient import FIELDS, Patient, PatientEncoder
from model.training.batches import LabelledBatches, TrainingBatches, balanced_weights

ENCODER = PatientEncoder(FIELDS, {"age": {"mean": 50.0, "std": 20.0}, "sex": {}, "site": {}})
N = 40
LABELS = np.arange(N) % 4
IMAGES = np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 3))
PATIENTS = ENCODER.encode([Patient(age=60.0, sex="male", site="head/neck")] * N)


def training(**changes):
    settings = {
        "encoder": ENCODER,
        "metadata_dropout_field": 0.3,
        "metadata_dropout_all": 0.2,
        "subsample_mask": np.zeros(N, bool),
        "subsample_share": 1.0,
        "seed": 5,
        "weights": np.arange(N),
        "classes": 4,
        "batch_size": 16,
    }
    return TrainingBatches(IMAGES, PATIENTS, LABELS, **{**settings, **changes})


def epoch_of(batches):
    return [batches[number] for number in range(len(batches))]


def test_an_epoch_shows_every_row_once_with_its_label_and_weight():
    batches = LabelledBatches(
        IMAGES, PATIENTS, LABELS, weights=np.arange(N), classes=4, batch_size=16
    )
    rows = []
    for inputs, one_hot, weights in epoch_of(batches):
        row = inputs["image"][:, 0, 0, 0].astype(int)
        assert np.array_equal(one_hot.argmax(1), LABELS[row])
        assert np.array_equal(weights, row)
        rows.extend(row)
    assert sorted(rows) == list(range(N))


def test_an_epoch_depends_on_seed_and_number_alone():
    first, again = training(), training()
    epoch_of(first)
    first.epoch, again.epoch = 3, 3
    for left, right in zip(epoch_of(first), epoch_of(again), strict=True):
        assert np.array_equal(left[0]["image"], right[0]["image"])
        assert np.array_equal(left[0]["patient"], right[0]["patient"])
    again.epoch = 4
    assert not np.array_equal(first.order, again.order)


def test_fields_are_forgotten_at_about_the_stated_rates():
    batches = training(metadata_dropout_field=0.0, metadata_dropout_all=0.5, batch_size=N)
    known = []
    for epoch in range(50):
        batches.epoch = epoch
        known.append(batches[0][0]["patient"][:, 1].mean())
    assert np.mean(known) == pytest.approx(0.5, abs=0.05)


def test_an_even_epoch_has_as_many_of_each_class_well_mixed():
    labels = (np.arange(N) < 6).astype(int)  # 6 of 40 are of the rare class
    batches = training(resample="subsample")
    rare_late = []
    for epoch in range(200):
        batches.labels = labels
        batches.epoch = epoch
        shown = labels[batches.order]
        assert (len(shown), shown.sum()) == (12, 6)
        rare_late.append(shown[6:].mean())
    assert np.mean(rare_late) == pytest.approx(0.5, abs=0.05)


def test_seldom_rows_appear_in_the_stated_share_and_change_by_epoch():
    batches = training(subsample_mask=np.arange(N) < 20, subsample_share=0.25)
    seen = set()
    for epoch in range(30):
        batches.epoch = epoch
        shown = [row for row in batches.order if row < 20]
        assert len(shown) == 5
        assert len(batches.order) == 25
        seen.update(shown)
    assert seen == set(range(20))


def test_an_oversampled_epoch_shows_every_row_and_rare_classes_as_often_as_the_most_frequent():
    labels = (np.arange(N) < 6).astype(int)  # 6 of 40 are of the rare class
    batches, counts = training(resample="oversample"), np.bincount(labels)
    batches.labels = labels
    batches.epoch = 2
    shown = np.bincount(batches.order, minlength=len(labels))
    assert np.bincount(labels[batches.order]).tolist() == [counts.max()] * len(counts)
    for one in range(len(counts)):
        times = shown[labels == one]
        assert times.min() == counts.max() // counts[one]
        assert times.max() - times.min() <= 1
    before = batches.order
    batches.epoch = 3
    assert sorted(labels[before]) == sorted(labels[batches.order])
    assert before.tolist() != batches.order.tolist()


def test_weights_even_out_classes_within_each_group():
    labels = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    groups = np.repeat(["HAM", "BCN"], 4)
    weights = balanced_weights(labels, groups, 1.0)
    for group in ("HAM", "BCN"):
        members = groups == group
        sums = [weights[members & (labels == label)].sum() for label in (0, 1)]
        assert sums == pytest.approx([2, 2])
    assert balanced_weights(labels, groups, 0.0).tolist() == [1] * 8


def test_a_sampler_draws_each_row_about_as_often_as_its_chance_says():
    batches = training(sampling_weights=np.where(LABELS == 0, 3.0, 1.0))
    drawn = np.zeros(4)
    for epoch in range(60):
        batches.epoch = epoch
        assert len(batches.order) == N
        drawn += np.bincount(LABELS[batches.order], minlength=4)
    assert drawn / drawn.sum() == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6], abs=0.04)


def test_a_sampler_shows_seldom_rows_in_their_share():
    batches = training(
        sampling_weights=np.ones(N), subsample_mask=np.arange(N) < 20, subsample_share=0.25
    )
    drawn = []
    for epoch in range(60):
        batches.epoch = epoch
        drawn.extend(batches.order)
    assert len(drawn) == 60 * 25
    assert np.mean(np.array(drawn) < 20) == pytest.approx(0.2, abs=0.04)


def test_paired_batches_show_each_image_twice_with_the_same_metadata():
    batches = training(paired=True, batch_size=6)
    pairs = [(inputs, labels, weights) for inputs, labels, weights in epoch_of(batches)]
    for inputs, labels, weights in pairs:
        for values in (inputs["image"], inputs["patient"], labels, weights):
            first, second = np.split(values, 2)
            assert np.array_equal(first, second)
    assert sum(len(weights) for *_, weights in pairs) == 2 * len(batches.labels)
    assert max(len(weights) for *_, weights in pairs) == 6


def test_batches_train_any_keras_network_and_repeat_for_a_seed():
    def trained():
        keras.utils.set_random_seed(0)
        image, patient = keras.Input((2, 2, 3), name="image"), keras.Input((14,), name="patient")
        flat = keras.layers.Concatenate()([keras.layers.Flatten()(image), patient])
        network = keras.Model(
            {"image": image, "patient": patient}, keras.layers.Dense(4, "softmax")(flat)
        )
        network.compile("sgd", "categorical_crossentropy")
        network.fit(training(), shuffle=False, epochs=2, verbose=0)
        return network.get_weights()

    for left, right in zip(trained(), trained(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5)
