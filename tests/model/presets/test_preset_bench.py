"""Presets compared: one table, page and plot; nothing is trained twice or made up."""

import argparse
from types import SimpleNamespace

import pandas as pd
import pytest

from model.__main__ import main
from model.cli import bench_presets
from model.data.dataset import read_folder
from model.data.split import Split
from model.evaluation.outcome import FIGURES
from model.presets.bench import fitting_side, with_fewer
from model.presets.page import MAJORITY, NOT_RUN
from model.presets.preset import load_preset

pytestmark = pytest.mark.usefixtures("eager")
PRESETS = "dual-input-cnn-distilled,vgg16-dense,dual-input-cnn"


@pytest.fixture(scope="module")
def bench(eager, toy_folder, tmp_path_factory):
    """Runs the command on three presets at toy size; gives the status and what was written."""
    folder = tmp_path_factory.mktemp("bench")
    words = ["bench-presets", "--data", toy_folder, "--budget", 1, "--side", 32, "--limit", 40]
    words += ["--out", folder / "out", "--cache", folder / "cache"]

    def bench(*options, presets=PRESETS):
        status = main([str(word) for word in [*words, "--presets", presets, *options]])
        out = folder / "out"
        return SimpleNamespace(status=status, out=out, table=pd.read_csv(out / "presets.csv"))

    return bench


@pytest.fixture(scope="module")
def first(bench):
    return bench()


@pytest.mark.slow
def test_the_table_has_the_presets_the_majority_and_what_was_not_run(first):
    assert first.status == 0
    rows = first.table.set_index("preset")
    assert rows.loc[MAJORITY, "task"].tolist() == ["ham10000", "melanoma"]
    assert rows.loc["vgg16-dense", "status"] == NOT_RUN
    assert "--presets vgg16-dense" in rows.loc["vgg16-dense", "command"]
    run = rows.loc[["dual-input-cnn", "dual-input-cnn-distilled"]]
    assert run["minutes"].gt(0).all()
    for key in FIGURES:
        assert (run[f"{key}_low"] <= run[key]).all()
        assert (run[key] <= run[f"{key}_high"]).all()


@pytest.mark.slow
def test_the_epoch_that_was_kept_is_reported_as_it_was_learned_and_its_curves_are_saved(first):
    run = first.table.set_index("preset").loc["dual-input-cnn"]
    history = pd.read_csv(first.out / "dual-input-cnn" / "history.csv").iloc[
        int(run["best_epoch"]) - 1
    ]
    for name in ("accuracy", "loss", "val_accuracy", "val_loss"):
        assert run[f"learned_{name}"] == pytest.approx(history[name], abs=1e-3), name
    assert (first.out / "dual-input-cnn" / "curves.png").stat().st_size > 5_000


@pytest.mark.slow
def test_optimisers_are_compared_and_random_weights_are_said_to_be_such(toy_folder, tmp_path):
    few = ["--budget", "1", "--side", "32", "--limit", "16", "--weights", "none"]
    places = ["--data", toy_folder, "--out", tmp_path, "--cache", tmp_path / "cache"]
    command = ["bench-presets", *places, *few, "--presets", "siim-cnn-v2,mobilenet-075-dense"]
    assert main([str(word) for word in command]) == 0
    rows = pd.read_csv(tmp_path / "presets.csv").set_index("preset")
    assert {"siim-cnn-v2", "siim-cnn-v2-adam", "siim-cnn-v2-rmsprop"} < set(rows.index)
    assert rows["weights"].dropna().to_dict() == {"mobilenet-075-dense": "random weights"}
    page = (tmp_path / "presets.md").read_text()
    assert "| mobilenet-075-dense (random weights) | 32 |" in page
    assert "from random ones, which a frozen backbone keeps: mobilenet-075-dense" in page


@pytest.mark.slow
def test_the_majority_finds_no_melanoma_and_has_the_auc_of_chance(first):
    rows = first.table[first.table["preset"] == MAJORITY]
    assert rows["macro_auc"].tolist() == [0.5, 0.5]
    assert rows["melanoma_sensitivity"].tolist() == [0, 0]


@pytest.mark.slow
def test_the_page_says_under_which_conditions_and_shows_the_plot(first):
    page = (first.out / "presets.md").read_text()
    assert "Trained on 40 images" in page
    assert "The test part was not used" in page
    assert "| vgg16-dense |  | 14,790,919 | 76,231 | 59.2 | not run |" in page
    assert "0.830" in page  # what the authors of the dual-input network reported
    assert "](presets.png)" in page
    assert (first.out / "presets.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_finished_preset_is_not_trained_again(first, bench, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an epoch was begun")

    monkeypatch.setattr("model.presets.bench.EpochSeconds.on_epoch_begin", refuse)
    pd.testing.assert_frame_equal(bench().table, first.table)


@pytest.mark.slow
def test_other_settings_do_not_go_on_with_a_finished_preset(first, bench, capsys):
    assert bench("--side", 40).status == 1
    assert "other settings" in capsys.readouterr().err


def test_the_list_names_all_without_data(capsys):
    assert main(["bench-presets", "--list"]) == 0
    text = capsys.readouterr().out
    assert "siim-cnn-v3" in text
    assert "arXiv:2011.10702" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--presets", "cnn-4block,resnet", "--data", ".", "--budget", "1"], "called 'resnet'"),
        (["--budget", "1"], "--data"),
        (["--data", ".", "--budget", "0"], "at least 1"),
    ],
)
def test_wrong_options_are_refused_before_any_work(options, reason, capsys):
    assert main(["bench-presets", *options]) == 1
    assert reason in capsys.readouterr().err


def test_a_side_is_reduced_as_far_as_the_network_can_take():
    sides = {"cnn-4block": 96, "siim-cnn-v3": 248, "mobilenet-dense": 96}
    assert {n: fitting_side(load_preset(n).config(), 96) for n in sides} == sides
    assert fitting_side(load_preset("cnn-4block").config(), 500) == 224
    assert fitting_side(load_preset("cnn-4block").config(), None) == 224


def test_a_limit_takes_training_images_only(toy_folder):
    table = read_folder(toy_folder).table
    images = table["image"].tolist()
    split = Split(tuple(images[:60]), tuple(images[60:80]), tuple(images[80:]), rule="", seed=0)
    few = with_fewer(split, table, 12)
    assert len(set(few.train)) == 12
    assert set(few.train) < set(split.train)
    assert (few.validation, few.test) == (split.validation, split.test)
    assert with_fewer(split, table, 12) == few
    assert with_fewer(split, table, 60) is split


def test_the_command_of_a_row_names_no_folder_of_this_machine(tmp_path):
    parser = argparse.ArgumentParser()
    bench_presets.add_arguments(parser)
    words = ["--data", tmp_path, "--budget", 3, "--weights-dir", tmp_path, "--side", 64]
    words += ["--split", tmp_path / "split.json"]
    line = bench_presets.words(parser.parse_args([str(word) for word in words]), presets="a")
    assert line == (
        "python -m model bench-presets --data DIR --budget 3 --presets a --side 64 "
        "--split FILE --weights-dir DIR"
    )
