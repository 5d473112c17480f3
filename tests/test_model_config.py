"""The settings of a training."""

import pytest

from model.config import TrainConfig, config_from_dict, read_config
from model.errors import ConfigError


def test_a_saved_config_reads_back_equal(tmp_path):
    config = TrainConfig(epochs=3, learning_rate=0.01, crop_border=False)
    config.save(tmp_path / "config.json")
    assert config_from_dict(read_config(tmp_path / "config.json")) == config


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'epoch'.*epochs"):
        config_from_dict({"epoch": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("epochs", True),
        ("dropout", 1.0),
        ("learning_rate", -1.0),
        ("schedule", "linear"),
        ("image_side", 8),
        ("small_image_share", 1.5),
        ("crop_border", "yes"),
    ],
)
def test_a_value_out_of_its_rule_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        config_from_dict({name: value})


def test_a_config_that_is_no_json_object_is_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="JSON object"):
        read_config(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="readable"):
        read_config(path)
