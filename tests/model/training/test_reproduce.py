"""Training the shipped network again: steps chained, finished ones kept."""

import json
from dataclasses import replace

import pytest

from model.__main__ import main
from model.cli.reproduce import listed_only
from model.data.dataset import read_folder
from model.data.split import ISIC2019_SPLIT, Split
from model.errors import DataError
from model.inference.bundle import read_manifest
from tests.fakes.toy_bundle import toy_split

pytestmark = pytest.mark.usefixtures("eager")


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
    from model.cli import reproduce

    files = [tmp_path / "train_1.json", tmp_path / "train_2.json"]
    settings = {"backbone": "cnn_2block", "image_side": 32, "epochs": 1}
    for file in files:
        file.write_text(json.dumps(settings))
    monkeypatch.setattr(reproduce, "released_steps", lambda: files)
    split = toy_split(toy_folder)
    replace(split, train=split.train[:40]).save(tmp_path / "isic2019.json")
    monkeypatch.setattr(reproduce, "ISIC2019_SPLIT", tmp_path / "isic2019.json")
    where = {"weights": "none", "out": tmp_path / "out", "cache_dir": tmp_path / "cache"}
    arguments = (read_folder(toy_folder), split)
    bundle = reproduce.reproduce(*arguments, **where)
    first = tmp_path / "out" / "step_1" / "bundle" / "network.keras"
    assert read_manifest(bundle).training["init_from"] == first.name
    # Steps on whole photographs learn from ISIC 2019 alone.
    listed = 40 + len(split.validation) + len(split.test)
    assert read_manifest(bundle).data["images"] == listed
    written = first.stat().st_mtime_ns
    assert reproduce.reproduce(*arguments, **where) == bundle
    assert first.stat().st_mtime_ns == written


def test_a_step_may_start_from_the_mean_of_earlier_ones(toy_folder, tmp_path, monkeypatch):
    from model.cli import reproduce

    settings = {"backbone": "cnn_2block", "image_side": 32, "epochs": 1}
    earlier = "step_1/bundle/network.keras,step_2/bundle/network.keras"
    files = [tmp_path / f"train_{number}.json" for number in (1, 2, 3)]
    for file, start in zip(files, ("", "", earlier), strict=True):
        file.write_text(json.dumps(settings | {"init_from": start}))
    monkeypatch.setattr(reproduce, "released_steps", lambda: files)
    split = toy_split(toy_folder)
    split.save(tmp_path / "isic2019.json")
    monkeypatch.setattr(reproduce, "ISIC2019_SPLIT", tmp_path / "isic2019.json")
    where = {"weights": "none", "out": tmp_path / "out", "cache_dir": tmp_path / "cache"}
    bundle = reproduce.reproduce(read_folder(toy_folder), split, **where)
    assert bundle.parent.name == "step_3"
    assert read_manifest(bundle).training["init_from"] == "network.keras,network.keras"
