"""Mixup and CutMix."""

import keras
import numpy as np
import pytest

from model.patient import FIELDS, Patient, PatientEncoder
from model.training.batches import TrainingBatches
from model.training.mix import MixImages, draw_recipes, mix_rows

ENCODER = PatientEncoder(FIELDS, {"age": {"mean": 50.0, "std": 20.0}, "sex": {}, "site": {}})


def flat_images(levels):
    """Images of one brightness each."""
    return np.ones((len(levels), 8, 8, 3), np.float32) * np.reshape(levels, (-1, 1, 1, 1))


def mixed(images, recipes):
    return keras.ops.convert_to_numpy(MixImages()(images, recipes, training=True))


def test_mixup_blends_whole_images_by_the_weight():
    recipes = np.array([[1, 0.25, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]], np.float32)
    out = mixed(flat_images([100, 200]), recipes)
    np.testing.assert_allclose(out, flat_images([125, 200]))


def test_cutmix_puts_a_box_of_the_other_image_into_this_one():
    recipes = np.array([[1, 1, 0.5, 0, 1, 0.25], [1, 1, 0, 0, 0, 0]], np.float32)
    out = mixed(flat_images([100, 200]), recipes)
    expected = flat_images([100, 200])
    expected[0, :2, 4:] = 200  # the box is right and top: rows 0-1, columns 4-7
    np.testing.assert_allclose(out, expected)


def test_labels_are_mixed_by_the_same_share_as_the_pixels():
    recipes = draw_recipes(np.random.default_rng(0), 200, mixup=0.4, cutmix=0.4)
    levels = np.random.default_rng(1).uniform(0, 255, 200).astype(np.float32)
    images = np.ones((200, 64, 64, 3), np.float32) * levels.reshape(-1, 1, 1, 1)
    pixels = mixed(images, recipes).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(pixels, mix_rows(levels, recipes), atol=8)  # of 255: whole pixels
    one_hot = np.eye(8, dtype=np.float32)[np.arange(200) % 8]
    assert mix_rows(one_hot, recipes).dtype == np.float32
    np.testing.assert_allclose(mix_rows(one_hot, recipes).sum(axis=1), 1, rtol=1e-5)


def test_images_are_mixed_in_the_stated_shares_and_only_in_training():
    recipes = draw_recipes(np.random.default_rng(0), 4000, mixup=0.2, cutmix=0.3)
    whole = (recipes[:, 2:] == (0, 0, 1, 1)).all(axis=1) & (recipes[:, 1] > 0)
    assert whole.mean() == pytest.approx(0.2, abs=0.03)
    assert (recipes[:, 1] == 1).mean() == pytest.approx(0.3, abs=0.05)
    assert (recipes[:, 1] > 0).mean() == pytest.approx(0.5, abs=0.03)
    images = flat_images([1, 2])
    still = MixImages()(images, recipes[:2], training=False)
    assert np.array_equal(keras.ops.convert_to_numpy(still), images)


def batches(count=12, **changes):
    settings = {
        "encoder": ENCODER,
        "forget_field": 0.0,
        "forget_all": 0.0,
        "seldom": np.zeros(count, bool),
        "seldom_share": 1.0,
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


def test_a_batch_brings_the_recipe_by_which_its_labels_and_patients_are_mixed():
    plain, blended = batches()[0], batches(mixup=1.0)[0]
    assert "mix" not in plain[0]
    recipes = blended[0]["mix"]
    assert recipes.shape == (12, 6)
    np.testing.assert_allclose(blended[1], mix_rows(plain[1], recipes))
    np.testing.assert_allclose(blended[0]["patient"], mix_rows(plain[0]["patient"], recipes))
    assert ((blended[1] > 0).sum(axis=1) == 2).any()


def test_recipes_depend_on_seed_epoch_and_batch_alone():
    first, again = batches(cutmix=0.5, batch_size=4), batches(cutmix=0.5, batch_size=4)
    again.epoch = 1
    assert not np.array_equal(first[2][0]["mix"], again[2][0]["mix"])
    again.epoch = 0
    assert np.array_equal(first[2][0]["mix"], again[2][0]["mix"])
    assert not np.array_equal(first[1][0]["mix"], first[2][0]["mix"])
