"""The settings of a training."""

import json
from pathlib import Path

import pytest

import model
from model.errors import ConfigError
from model.training.settings import OLD_NAMES, TrainConfig, current_settings, read_config

RELEASED = Path(model.__file__).parent / "released"


def test_a_saved_config_reads_back_equal(tmp_path):
    config = TrainConfig(epochs=3, learning_rate=0.01, crop_border=False)
    config.save(tmp_path / "config.json")
    assert TrainConfig(**read_config(tmp_path / "config.json")) == config


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'epoch'.*epochs"):
        TrainConfig(epoch=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("epochs", True),
        ("dropout", 1.0),
        ("learning_rate", -1.0),
        ("learning_rate", float("inf")),
        ("weight_decay", float("inf")),
        ("schedule", "linear"),
        ("image_side", 8),
        ("small_image_share", 1.5),
        ("crop_border", "yes"),
        ("fusion", "sum"),
        ("optimiser", "lion"),
        ("further_units", "64;32"),
        ("task", "moles"),
        ("backbone", "resnet"),
        ("backbone", "none"),
        ("head_epochs", 21),
        ("ema", 1.0),
        ("monitor", "val_auc"),
        ("shift", 1.0),
        ("shear", -0.1),
        ("last_dropout", -0.5),
        ("output", "tanh"),
    ],
)
def test_a_value_out_of_its_rule_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        TrainConfig(**{name: value})


def test_a_config_that_is_no_json_object_is_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="JSON object"):
        read_config(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="readable"):
        read_config(path)


@pytest.mark.parametrize(
    "values",
    [
        {"fusion": "metadata"},
        {"fusion": "metadata", "backbone": "none", "mixup": 0.5},
        {"fusion": "cross_attention", "pooling": "flatten"},
        {"backbone": "inception_resnet_v2", "image_side": 64},
        {"head_batchnorm": True, "fused_units": 0},
        {"first_dropout": 0.1, "last_dropout": 0.1, "fused_units": 0},
        {"output": "sigmoid"},
        {"freeze_backbone": True, "trainable_layers": 3},
        {"fusion": "metadata", "backbone": "none", "freeze_backbone": True},
        {"head_patience": 3},
        {"staircase": True},
        {"balance": "oversample", "small_image_share": 0.5},
    ],
)
def test_settings_that_exclude_each_other_are_refused(values):
    with pytest.raises(ConfigError, match=r"set|at least"):
        TrainConfig(**values)


@pytest.mark.parametrize(("name", "value"), [("zoom", 0.1), ("rotation", "none"), ("cutout", 0.2)])
def test_a_setting_that_frames_do_not_heed_is_refused_by_name(name, value):
    assert TrainConfig(frame="photograph", **{name: value})
    with pytest.raises(ConfigError, match=f"leave out {name}"):
        TrainConfig(frame="lesion", **{name: value})


def test_the_settings_of_the_released_trainings_are_still_known():
    for path in sorted(RELEASED.glob("train_*.json")):
        assert TrainConfig(**read_config(path)).fusion == "concat"


def test_widths_of_further_layers_are_read_from_their_text():
    assert TrainConfig(further_units="512, 64").further_widths == (512, 64)
    assert TrainConfig().further_widths == ()


def test_a_config_of_an_earlier_version_is_read_by_todays_names(tmp_path):
    old = {"start": "a.keras", "forget_all": 0.4, "forget_field": 0.0, "turn": "none", "hue": 0.0}
    old |= {"low_resolution": 0.2, "last_layers": 3, "smallest_rate": 1e-6}
    (tmp_path / "old.json").write_text(json.dumps(old))
    config = TrainConfig(**read_config(tmp_path / "old.json"))
    found = config.init_from, config.metadata_dropout_all, config.rotation
    assert found == ("a.keras", 0.4, "none")
    assert (config.metadata_dropout_field, config.downscale) == (0.0, 0.2)
    assert (config.trainable_layers, config.min_learning_rate) == (3, 1e-6)
    assert set(OLD_NAMES.values()) <= set(TrainConfig.model_fields)


def test_a_removed_setting_that_changed_something_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"hue is 0\.1, but this version has no such setting"):
        current_settings({"hue": 0.1})


def test_changed_settings_are_checked_again():
    with pytest.raises(ConfigError, match="dropout is 1"):
        TrainConfig().with_(dropout=1.0)
