"""Training the shipped network again: photographs reduced, steps chained, finished ones kept."""

import json

import numpy as np
import pytest
from PIL import Image

from model.__main__ import main
from model.cli.reproduce import listed_only
from model.data.dataset import read_folder
from model.data.shrink import is_full_size, shrink_folder
from model.data.split import ISIC2019_SPLIT, Split
from model.errors import DataError
from model.inference.bundle import read_manifest
from tests.fakes.toy_bundle import toy_split

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def full_size(toy_folder, tmp_path):
    """A copy of the toy folder, whose first photograph (HAM) is three times the learned size."""
    folder = tmp_path / "full"
    (folder / "images").mkdir(parents=True)
    for file in toy_folder.rglob("*.*"):
        (folder / file.relative_to(toy_folder)).write_bytes(file.read_bytes())
    first = sorted((folder / "images").iterdir())[0]
    Image.open(first).resize((600, 450), Image.Resampling.BICUBIC).save(first, quality=95)
    return folder


def test_large_photographs_are_reduced_to_the_learned_size_and_small_ones_copied(
    full_size, tmp_path
):
    dataset = read_folder(full_size)
    assert is_full_size(dataset)
    small = read_folder(shrink_folder(dataset, full_size, out=tmp_path / "small"))
    assert not is_full_size(small)
    assert small.table.loc[0, ["width", "height"]].tolist() == [200, 150]
    original, copy = dataset.table["path"][5], small.table["path"][5]
    assert original.read_bytes() == copy.read_bytes()
    assert small.table["diagnosis"].tolist() == dataset.table["diagnosis"].tolist()


def test_reducing_averages_areas(full_size, tmp_path):
    dataset = read_folder(full_size)
    stripes = np.zeros((450, 600, 3), np.uint8)
    stripes[:, ::3] = 255
    Image.fromarray(stripes).save(dataset.table["path"][0], quality=100)
    small = read_folder(shrink_folder(dataset, full_size, out=tmp_path / "small"))
    reduced = np.asarray(Image.open(small.table["path"][0]).convert("L"))
    assert np.abs(reduced.astype(int) - 85).max() <= 3


def test_images_that_the_split_does_not_name_are_left_out(toy_folder):
    dataset = read_folder(toy_folder)
    split = toy_split(toy_folder)
    part = Split(split.train[:5], split.validation, split.test, rule="", seed=0)
    assert len(listed_only(dataset, part).table) == 5 + len(split.validation) + len(split.test)
    with pytest.raises(DataError, match="ISIC 2019"):
        listed_only(dataset, Split.load(ISIC2019_SPLIT))


def test_the_command_refuses_a_folder_without_the_challenges_images(toy_folder, tmp_path, capsys):
    words = ["reproduce", "--data", str(toy_folder), "--out", str(tmp_path / "out")]
    assert main([*words, "--weights", "none"]) == 1
    assert "Give the images of the ISIC 2019 challenge" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_each_step_starts_from_the_one_before(toy_folder, tmp_path, monkeypatch):
    from model.training import reproduce

    files = [tmp_path / "train_1.json", tmp_path / "train_2.json"]
    settings = {"backbone": "cnn_2block", "image_side": 32, "epochs": 1, "start": "elsewhere"}
    for file in files:
        file.write_text(json.dumps(settings))
    monkeypatch.setattr(reproduce, "released_steps", lambda: files)
    where = {"weights": "none", "out": tmp_path / "out", "cache_dir": tmp_path / "cache"}
    arguments = (read_folder(toy_folder), toy_split(toy_folder))
    bundle = reproduce.reproduce(*arguments, **where)
    first = tmp_path / "out" / "step_1" / "bundle" / "network.keras"
    assert read_manifest(bundle).training["init_from"] == first.name
    written = first.stat().st_mtime_ns
    assert reproduce.reproduce(*arguments, **where) == bundle
    assert first.stat().st_mtime_ns == written
