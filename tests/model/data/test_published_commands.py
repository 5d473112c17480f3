"""Sets as published go through the commands, without conversion by hand."""

import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.data.split import Split
from model.inference.bundle import read_manifest
from tests.drawings import published

TOY = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32", "--epochs", "1"]
SETS = {  # photographs that the task has a class for
    "isic_2018": ("ham10000", 7 * 2 * published.LESIONS),
    "isic_2019_test": ("isic2019", 8 * published.LESIONS),
    "siim_2020": ("melanoma", 6 * published.LESIONS),
    "ham10000": ("ham10000", 7 * 2 * published.LESIONS),
    "milk10k": ("malignant", 8 * published.LESIONS),
}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eager")]


def run(*words):
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_explored_divided_learned_and_evaluated_as_published(name, tmp_path):
    task, count = SETS[name]
    data = getattr(published, name)(tmp_path / "data")
    places = ["--data", data, "--cache", tmp_path / "cache"]
    split, out = tmp_path / "split.json", tmp_path / "run"
    run("explore", "--data", data, "--out", tmp_path / "explored")
    run("split", *places, "--task", task, "--out", split)
    run("split", *places, "--task", task, "--check", split)
    run("train", *places, "--task", task, "--split", split, "--out", out, *TOY)
    how = ["--bundle", out / "bundle", "--part", "test"]
    run("evaluate", *places, *how, "--out", tmp_path / "report")
    dealt = Split.load(split)
    assert sum(len(getattr(dealt, part)) for part in ("train", "validation", "test")) == count
    assert read_manifest(out / "bundle").task.name == task
    assert_whole(read_folder(data, task=task).table, dealt)


def assert_whole(table, split):
    """No lesion and no patient is in two parts."""
    parts = split.parts_of(table)
    for column in {"lesion_id", "patient_id"} & set(table):
        assert parts.groupby(table[column]).nunique().max() == 1, column
