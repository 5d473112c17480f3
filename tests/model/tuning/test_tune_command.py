"""The shell contract of ``python -m model tune``: options, plan and refusals."""

import argparse
import json

import pytest

from model.__main__ import main
from model.cli.tune import add_arguments, plan_of, words
from model.errors import ConfigError
from model.training.settings import TrainConfig
from model.tuning.search_space import DEFAULT_SPACE, FEATURES_SPACE, METHODS, read_space

PLACES = ["--data", "d", "--out", "o"]


def parse(*more):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([*PLACES, *map(str, more)])


def names(plan):
    return {dimension.name for dimension in plan.space}


def test_help_names_the_methods(capsys):
    with pytest.raises(SystemExit):
        main(["tune", "--help"])
    said = capsys.readouterr().out
    assert all(method in said for method in METHODS)
    assert METHODS == ("hyperband", "random", "grid", "bayesian")


def test_hyperband_over_the_shipped_space_is_the_default():
    plan = plan_of(parse())
    assert plan.method == "hyperband"
    assert plan.objective == "balanced_accuracy"
    assert plan.space == read_space(DEFAULT_SPACE, TrainConfig())


def test_what_the_user_sets_is_not_searched():
    plan = plan_of(parse("--fusion", "film", "--loss", "focal", "--epochs", 9))
    assert names(plan_of(parse())) - names(plan) == {"fusion", "loss", "label_smoothing"}
    assert (plan.base.fusion, plan.base.epochs) == ("film", 9)


def test_on_features_the_head_is_trained_in_all_epochs():
    plan = plan_of(parse("--features", "--epochs", 9))
    assert names(plan) == {d.name for d in read_space(FEATURES_SPACE, TrainConfig())}
    assert plan.config({}).head_epochs == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trials", 5], "--trials does not fit hyperband"),
        (["--tuner", "random", "--trials", 0], "trials is 0"),
        (["--factor", 1], "factor is 1"),
        (["--features", "--backbone", "none", "--fusion", "metadata"], "head_epochs"),
        (["--weights", "mine.weights.h5"], "fit one backbone only"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        plan_of(parse(*options))


def test_a_space_of_which_nothing_is_left_is_refused_before_a_folder_is_made(tmp_path, capsys):
    space = tmp_path / "space.json"
    space.write_text(json.dumps({"dropout": [0.0, 0.5]}))
    line = ["tune", "--data", str(tmp_path), "--out", str(tmp_path / "s"), "--space", str(space)]
    assert main([*line, "--dropout", "0.1"]) == 1
    assert "is empty" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_worker_gets_the_same_command():
    options = parse("--features", "--workers", 2, "--no-crop-border", "--dropout", 0.2)
    again = argparse.ArgumentParser()
    add_arguments(again)
    repeated = again.parse_args(words(options)[1:])
    assert vars(repeated) == vars(options) | {"workers": None}
