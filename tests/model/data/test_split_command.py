"""The shell contract of ``python -m model split``: draw, draw several, check."""

from argparse import Namespace
from dataclasses import replace

import pytest

from model.__main__ import main
from model.cli.options import split_of
from model.data.dataset import read_folder
from model.data.split import PARTS, Split
from tests.drawings import draw_folder


@pytest.fixture
def split(toy_folder, tmp_path):
    def split(*words):
        places = ["split", "--data", toy_folder, "--cache", tmp_path / "cache"]
        return main([str(word) for word in [*places, *words]])

    return split


def test_a_split_that_was_drawn_passes_its_check(split, toy_folder, tmp_path, capsys):
    assert split("--out", tmp_path / "s.json", "--seed", 1) == 0
    drawn = Split.load(tmp_path / "s.json")
    assert drawn.seed == 1
    images = [image for part in PARTS for image in getattr(drawn, part)]
    assert sorted(images) == sorted(read_folder(toy_folder).table["image"])
    assert f"test {len(drawn.test)} images" in capsys.readouterr().out
    assert split("--check", tmp_path / "s.json") == 0
    assert "no lesion and no duplicate photograph is in two parts" in capsys.readouterr().out


def test_a_split_is_drawn_by_shares_and_train_draws_the_same(split, toy_folder, tmp_path):
    assert split("--out", tmp_path / "s.json", "--split", "50/25/25", "--seed", 0) == 0
    drawn = Split.load(tmp_path / "s.json")
    assert len(drawn.train) / len(read_folder(toy_folder).table) == pytest.approx(0.5, abs=0.15)
    where = {"out": tmp_path / "run", "cache": tmp_path / "cache", "split": "50/25/25"}
    assert split_of(read_folder(toy_folder), Namespace(**where)) == drawn
    where["split"] = str(tmp_path / "s.json")
    assert split_of(read_folder(toy_folder), Namespace(**where)) == drawn


def test_a_split_that_tears_a_lesion_fails_its_check(split, tmp_path, capsys):
    split("--out", tmp_path / "s.json")
    drawn = Split.load(tmp_path / "s.json")
    moved, *others = drawn.test
    replace(drawn, train=(*drawn.train, moved), test=tuple(others)).save(tmp_path / "torn.json")
    assert split("--check", tmp_path / "torn.json") == 1
    assert moved in capsys.readouterr().err


def test_a_split_of_other_images_says_nothing_about_these(split, tmp_path, capsys):
    Split(("A",), ("B",), ("C",), rule="", seed=0).save(tmp_path / "other.json")
    assert split("--check", tmp_path / "other.json") == 1
    assert "lists none of the 96 images" in capsys.readouterr().err


def test_each_of_several_folders_is_left_out_in_turn(tmp_path):
    first = draw_folder(tmp_path / "first", lesions=8)
    second = draw_folder(tmp_path / "second", lesions=8, prefix="further_", seed=100)
    out = tmp_path / "sources"
    folders = ["--data", str(first), str(second), "--cache", str(tmp_path / "cache")]
    assert main(["split", *folders, "--leave-source-out", "--out", str(out)]) == 0
    tested = Split.load(out / "without_second.json").test
    assert set(tested) == set(read_folder(second).table["image"])


@pytest.mark.parametrize(("series", "count"), [(["--folds", 3], 3), (["--leave-source-out"], 2)])
def test_a_series_of_splits_tests_every_image_once(series, count, tmp_path):
    data = draw_folder(tmp_path / "data", lesions=8)
    shared = ["split", "--data", data, "--cache", tmp_path / "cache"]
    assert main([*map(str, [*shared, "--out", tmp_path / "series", *series])]) == 0
    files = sorted((tmp_path / "series").iterdir())
    assert len(files) == count
    tested = [image for file in files for image in Split.load(file).test]
    assert sorted(tested) == sorted(read_folder(data).table["image"])
    assert main([*map(str, [*shared, "--check", *files])]) == 0
