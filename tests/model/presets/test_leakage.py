"""Leakage: the two splits differ in nothing but the lesions, and the command shows both."""

import json

import numpy as np
import pandas as pd
import pytest

from model.__main__ import main
from model.data.split import Split
from model.presets.leakage import draw_pair, some_lesions


@pytest.fixture
def table():
    """200 images, two of each of 100 lesions, a quarter of them melanomas."""
    numbers = np.arange(200)
    diagnoses = np.where(numbers % 8 < 2, "MEL", "NV")
    return pd.DataFrame({"image": [f"I{n:03d}" for n in numbers], "diagnosis": diagnoses})


GROUPS = np.arange(200) // 2


def lesions_of(images):
    return {int(image[1:]) // 2 for image in images}


def test_both_networks_are_judged_on_the_same_images_and_only_one_saw_their_lesions(table):
    pair = draw_pair(table, GROUPS, seed=1)
    assert pair.by_image.validation == pair.by_lesion.validation
    judged = lesions_of(pair.by_image.validation)
    assert not judged & lesions_of(pair.by_lesion.train)
    assert judged & lesions_of(pair.by_image.train) == lesions_of(pair.seen)
    assert set(pair.seen) < set(pair.by_image.validation)
    assert not set(pair.by_image.train) & set(pair.by_image.validation)


def test_both_networks_learn_from_equally_many_images_of_each_diagnosis(table):
    pair = draw_pair(table, GROUPS, seed=1)
    diagnosis = table.set_index("image")["diagnosis"]
    counts = [
        diagnosis[list(split.train)].value_counts().to_dict()
        for split in (pair.by_image, pair.by_lesion)
    ]
    assert counts[0] == counts[1]


def test_a_limit_keeps_lesions_whole():
    chosen = some_lesions(GROUPS, 50, seed=3)
    assert chosen.sum() == 50
    assert np.unique(GROUPS[chosen], return_counts=True)[1].tolist() == [2] * 25
    assert some_lesions(GROUPS, None).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_the_command_prints_the_inflation_and_leaves_the_test_part_alone(
    toy_folder, tmp_path, capsys
):
    words = ["leakage", "--data", toy_folder, "--budget", 1, "--side", 32, "--out", tmp_path / "o"]
    words += ["--cache", tmp_path / "cache", "--preset", "dual-input-cnn"]
    assert main([str(word) for word in words]) == 0
    assert "inflation" in capsys.readouterr().out
    found = json.loads((tmp_path / "o" / "leakage.json").read_text())
    gain = found["figures"]["all"]["macro_auc"]["inflation"]
    assert gain["low"] <= gain["value"] <= gain["high"]
    pair = [
        Split.load(tmp_path / "o" / name / "dual-input-cnn" / "split.json")
        for name in ("by_image", "by_lesion")
    ]
    assert pair[0].test == pair[1].test == ()
    assert found["training_images"] == len(pair[0].train) == len(pair[1].train)
    assert len(pair[0].train) + len(pair[0].validation) < 82  # of 96, 14 and more are for testing


def test_a_preset_without_its_weights_is_refused(toy_folder, tmp_path, capsys):
    words = ["leakage", "--data", toy_folder, "--preset", "vgg16-dense", "--out", tmp_path / "o"]
    assert main([*map(str, words), "--cache", str(tmp_path)]) == 1
    assert "--weights-dir" in capsys.readouterr().err
