"""Mixup."""

import keras
import numpy as np
import pytest

from model.patient import FIELDS, Patient, PatientEncoder
from model.training.augmentation import MixImages, draw_mixup, mix_rows
from model.training.batches import TrainingBatches

ENCODER = PatientEncoder(FIELDS, {"age": {"mean": 50.0, "std": 20.0}, "sex": {}, "site": {}})


def flat_images(levels):
    """Images of one brightness each."""
    return np.ones((len(levels), 8, 8, 3), np.float32) * np.reshape(levels, (-1, 1, 1, 1))


def mixed(images, partners):
    return keras.ops.convert_to_numpy(MixImages()(images, partners, training=True))


def test_mixup_blends_whole_images_by_the_weight():
    partners = np.array([[1, 0.25], [0, 0]], np.float32)
    out = mixed(flat_images([100, 200]), partners)
    np.testing.assert_allclose(out, flat_images([125, 200]))


def test_labels_are_mixed_by_the_same_share_as_the_pixels():
    partners = draw_mixup(np.random.default_rng(0), 200, share=0.8)
    levels = np.random.default_rng(1).uniform(0, 255, 200).astype(np.float32)
    images = np.ones((200, 64, 64, 3), np.float32) * levels.reshape(-1, 1, 1, 1)
    pixels = mixed(images, partners).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(pixels, mix_rows(levels, partners), rtol=1e-4)
    one_hot = np.eye(8, dtype=np.float32)[np.arange(200) % 8]
    assert mix_rows(one_hot, partners).dtype == np.float32
    np.testing.assert_allclose(mix_rows(one_hot, partners).sum(axis=1), 1, rtol=1e-5)


def test_a_stated_share_of_the_images_is_mixed_and_only_in_training():
    partners = draw_mixup(np.random.default_rng(0), 4000, share=0.2)
    assert (partners[:, 1] > 0).mean() == pytest.approx(0.2, abs=0.03)
    images = flat_images([1, 2])
    still = MixImages()(images, partners[:2], training=False)
    assert np.array_equal(keras.ops.convert_to_numpy(still), images)


def batches(count=12, **changes):
    settings = {
        "encoder": ENCODER,
        "metadata_dropout_field": 0.0,
        "metadata_dropout_all": 0.0,
        "subsample_mask": np.zeros(count, bool),
        "subsample_share": 1.0,
        "seed": 5,
        "weights": np.ones(count),
        "classes": 4,
        "batch_size": 12,
    }
    pair = [Patient(age=60.0, sex="male", site="head/neck"), Patient(age=20.0)]
    patients = ENCODER.encode(pair * (count // 2))
    images = np.zeros((count, 8, 8, 3), np.uint8)
    labels = np.arange(count) % 4
    return TrainingBatches(images, patients, labels, **{**settings, **changes})


def test_a_batch_brings_the_partners_that_its_labels_and_patients_are_mixed_with():
    plain, blended = batches()[0], batches(mixup=1.0)[0]
    assert "mix" not in plain[0]
    partners = blended[0]["mix"]
    assert partners.shape == (12, 2)
    np.testing.assert_allclose(blended[1], mix_rows(plain[1], partners))
    np.testing.assert_allclose(blended[0]["patient"], mix_rows(plain[0]["patient"], partners))
    assert ((blended[1] > 0).sum(axis=1) == 2).any()


def test_partners_depend_on_seed_epoch_and_batch_alone():
    first, again = batches(mixup=0.5, batch_size=4), batches(mixup=0.5, batch_size=4)
    again.epoch = 1
    assert not np.array_equal(first[2][0]["mix"], again[2][0]["mix"])
    again.epoch = 0
    assert np.array_equal(first[2][0]["mix"], again[2][0]["mix"])
    assert not np.array_equal(first[1][0]["mix"], first[2][0]["mix"])
