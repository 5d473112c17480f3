"""Distillation: what teachers answer, which teachers are refused, and a student that learns."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from model.__main__ import main
from model.data.context import table_patients
from model.data.dataset import read_folder
from model.data.split import Split
from model.errors import ConfigError, SplitError
from model.inference.bundle import read_manifest, write_bundle
from model.inference.predictor import Predictor
from model.tasks import task_of
from model.training.distillation import soft_labels
from model.training.settings import TrainConfig
from model.training.train import train
from tests.fakes.toy_bundle import toy_split, write_toy_bundle

pytestmark = pytest.mark.usefixtures("eager")
TASK = task_of("isic2019", [])
SMALL = {"backbone": "cnn_2block", "weights": "none", "image_side": 32, "epochs": 2}


@pytest.fixture(scope="module")
def dataset(toy_folder):
    return read_folder(toy_folder)


@pytest.fixture(scope="module")
def split(toy_folder):
    return toy_split(toy_folder)


@pytest.fixture(scope="module")
def teachers(eager, untrained_bundle, toy_folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("teachers") / "other"
    return [untrained_bundle, write_toy_bundle(other, toy_folder, seed=1)]


@pytest.fixture
def ask(dataset, split, tmp_path):
    def ask(teachers, **other):
        given = {"dataset": dataset, "split": split, "task": TASK} | other
        return soft_labels(teachers, cache_dir=tmp_path / "cache", **given)

    return ask


def by_hand(teacher, dataset, split):
    table = split.part("train", dataset.table)
    answers = Predictor.load(teacher).predict_files(table["path"].tolist(), table_patients(table))
    return np.stack(list(answers))


def test_answers_are_the_mean_of_the_teachers_in_the_order_of_the_training_part(
    ask, teachers, dataset, split
):
    expected = np.mean([by_hand(teacher, dataset, split) for teacher in teachers], axis=0)
    found = ask(teachers)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(ask(teachers[:1]) - found).max() > 1e-3


def test_teachers_are_aligned_by_the_names_of_their_classes(ask, teachers, tmp_path):
    teacher = Predictor.load(teachers[0], backend="keras")
    backwards = dict(reversed(teacher.manifest.classes.items()))
    turned = replace(teacher.manifest, classes=backwards)
    write_bundle(tmp_path / "turned", teacher.backend.network, replace(turned, files={}))
    np.testing.assert_allclose(ask([tmp_path / "turned"]), ask(teachers[:1])[:, ::-1], atol=1e-6)


def test_teachers_are_asked_once(ask, teachers, dataset, monkeypatch):
    first = ask(teachers)
    monkeypatch.setattr(Predictor, "load", lambda *_, **__: pytest.fail("asked again"))
    np.testing.assert_array_equal(ask(teachers), first)
    older = replace(dataset, table=dataset.table.assign(age_approx=85.0))
    with pytest.raises(pytest.fail.Exception):
        ask(teachers, dataset=older)


def test_a_teacher_of_another_task_is_refused(ask, teachers):
    with pytest.raises(ConfigError, match="task melanoma asks for OTHER, MEL"):
        ask(teachers, task=task_of("melanoma", []))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_teacher_that_was_trained_on_a_lesion_held_out_is_refused(ask, teachers, split, part):
    # One photograph of a lesion of the teacher's training part, of two.
    leaked, *others = split.train
    parts = {"train": tuple(others), part: (*getattr(split, part), leaked)}
    with pytest.raises(SplitError, match=f"holds out: 1 images, {leaked}"):
        ask(teachers, split=replace(split, **parts))


@pytest.mark.slow
def test_a_student_learns_what_its_teacher_says_not_the_labels(dataset, split, tmp_path):
    config = TrainConfig(**SMALL, teacher_weight=1.0, balance="none", learning_rate=0.01)
    says = np.full((len(split.train), 8), 0.01, np.float32)
    says[:, 5] = 0.93
    where = {"out": tmp_path / "run", "cache_dir": tmp_path / "cache"}
    network, encoder = train(dataset, split, config, **where, teacher=says)
    table = split.part("validation", dataset.table)
    images = np.zeros((len(table), 32, 32, 3), np.uint8)
    encoded = encoder.encode(table_patients(table))
    answer = network.predict_on_batch({"image": images, "patient": encoded})
    assert (answer.argmax(axis=1) == 5).all()


@pytest.mark.slow
def test_the_command_distils_and_writes_down_who_taught(toy_folder, teachers, tmp_path, capsys):
    (tmp_path / "student.json").write_text(json.dumps(SMALL))
    toy_split(toy_folder).save(tmp_path / "split.json")
    run = tmp_path / "run"
    places = ["--data", toy_folder, "--out", run, "--student", tmp_path / "student.json"]
    places += ["--split", tmp_path / "split.json", "--cache", tmp_path / "cache"]
    command = ["distill", *places, "--epochs", 1, "--teachers"]
    assert main([str(word) for word in [*command, *teachers]]) == 0
    hashes = sorted(read_manifest(teacher).network_sha256 for teacher in teachers)
    assert read_manifest(run / "bundle").data["teachers"] == hashes
    assert (run / "curves.png").exists()
    shutil.rmtree(run / "bundle")
    assert main([str(word) for word in [*command, teachers[0]]]) == 1
    assert "other teachers" in capsys.readouterr().err
    assert Split.load(run / "split.json") == toy_split(toy_folder)


def test_a_student_that_is_neither_file_nor_preset_is_refused(toy_folder, tmp_path, capsys):
    places = ["--data", toy_folder, "--teachers", tmp_path, "--out", tmp_path / "run"]
    command = ["distill", *places, "--student"]
    assert main([str(word) for word in [*command, tmp_path / "none.json"]]) == 1
    assert "none.json is not a readable JSON file" in capsys.readouterr().err
    assert main([str(word) for word in [*command, "cnn-4block", "--weights", "none"]]) == 1
    assert "not a readable manifest" in capsys.readouterr().err
