"""What summary counts and says, on small networks."""

import json

import pytest

from model.__main__ import main
from model.inference.bundle import PICTURE_FILE, read_manifest
from model.patient import PatientEncoder
from model.tasks import task_of
from model.training.settings import TrainConfig
from model.training.stages import summarise, summary_text
from model.training.train import build_of

WIDTH = PatientEncoder.fit([]).width
SMALL = {"backbone": "cnn_2block", "weights": "none", "image_side": 32}
OF_BACKBONE = (3 * 3 * 3 * 32 + 32) + (3 * 3 * 32 * 64 + 64)
OF_PATIENT = (WIDTH * 64 + 64) + (64 * 64 + 64)


def summary_of(**settings):
    config = TrainConfig(**SMALL | settings)
    task = task_of(config.task, [])
    return summarise(build_of(config, PatientEncoder.fit([]), task), config)


def test_every_weight_is_counted_once_under_its_branch():
    parameters = summary_of(fusion="film")["parameters"]
    of_film = 2 * (64 * 64 + 64)
    of_head = (64 * 128 + 128) + (128 * 8 + 8)
    assert parameters.tolist()[:4] == [OF_BACKBONE, OF_PATIENT, of_film, of_head]
    assert parameters["total"] == OF_BACKBONE + OF_PATIENT + of_film + of_head


def test_multiply_adds_are_those_of_the_shapes():
    found = summary_of()["multiply-adds"]
    image = (3 * 3 * 3 * 32) * 30 * 30 + (3 * 3 * 32 * 64) * 13 * 13
    assert found["image"] == image
    assert found["patient"] == WIDTH * 64 + 64 * 64
    assert found["head"] == (64 + 64) * 128 + 128 * 8
    assert found["total"] == found[:-1].sum()


def test_each_stage_says_what_learns_in_it():
    table = summary_of(head_epochs=1, trainable_layers=2)
    assert table.loc["image", "trainable in stage head"] == 0
    assert table.loc["image", "trainable in stage all"] == 3 * 3 * 32 * 64 + 64
    whole = ["patient", "head"]
    for stage in ("head", "all"):
        assert (
            table.loc[whole, f"trainable in stage {stage}"] == table.loc[whole, "parameters"]
        ).all()


def test_averages_of_batchnorm_do_not_learn():
    table = summary_of(backbone="mobilenet_0.25")
    averages = table["parameters"] - table["trainable in stage all"]
    assert averages["image"] > 0
    assert averages["head"] == 0
    frozen = summary_of(backbone="mobilenet_0.25", freeze_batchnorm=True)
    still = frozen["parameters"] - frozen["trainable in stage all"]
    assert still["image"] == 2 * averages["image"]


@pytest.mark.parametrize("fusion", ["none", "add", "metablock", "cross_attention"])
def test_no_layer_is_left_out_of_the_branches(fusion):
    config = TrainConfig(**SMALL, fusion=fusion, head_batchnorm=True, further_units="6,5")
    network = build_of(config, PatientEncoder.fit([]), task_of("isic2019", []))
    assert summarise(network, config).loc["total", "parameters"] == network.count_params()


def test_thousands_stand_apart():
    assert f"{OF_BACKBONE:,}" in summary_text(summary_of())


def test_the_command_prints_and_draws(tmp_path, capsys):
    (tmp_path / "c.json").write_text(json.dumps({"fusion": "film"}))
    picture = tmp_path / "pictures" / "network.png"
    settings = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    words = ["summary", "--config", str(tmp_path / "c.json"), "--task", "melanoma", *settings]
    assert main([*words, "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "cnn_2block, 32 px, fusion film, 2 classes" in out
    assert f"{OF_BACKBONE:,}" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_trained_bundle_holds_its_learning_curves_and_a_picture_of_its_network(toy_bundle):
    history = read_manifest(toy_bundle).history
    assert {len(values) for values in history.values()} == {2}  # epochs
    assert "val_loss" in history
    assert "<svg" in (toy_bundle / PICTURE_FILE).read_text()


def test_the_command_reads_a_bundle(toy_bundle, capsys):
    assert main(["summary", "--bundle", str(toy_bundle)]) == 0
    assert "cnn_2block, 32 px, fusion concat, 8 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bundle", "somewhere", "--fusion", "film"], "leave out fusion"),
        (["--task", "custom"], "takes its classes from the data"),
        (["--weights", "none", "--picture", "network.jpg"], "end it in .svg, .png, .pdf"),
    ],
)
def test_what_cannot_be_summarised_is_refused(words, said, capsys):
    assert main(["summary", *words]) == 1
    assert said in capsys.readouterr().err
