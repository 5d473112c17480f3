"""The file that says what a search may vary, and the plan made of it."""

import json
from dataclasses import replace

import pytest

from model.errors import ConfigError, SearchError
from model.training.settings import TrainConfig
from model.tuning.search_space import (
    DEFAULT_SPACE,
    FEATURES_SPACE,
    Dimension,
    Plan,
    claim_search,
    combinations,
    read_space,
    without,
)

RATE = Dimension("head_learning_rate", low=1e-4, high=1e-2, log=True)


@pytest.fixture
def read(tmp_path):
    def read(entries, base=None):
        file = tmp_path / "space.json"
        file.write_text(json.dumps(entries))
        return read_space(file, base or TrainConfig())

    return read


HEAD = {"fusion", "fused_units", "dropout", "loss", "label_smoothing", "focal_gamma", "balance"}
HEAD |= {
    "class_weight_exponent",
    "optimiser",
    "weight_decay",
    "head_learning_rate",
    "metadata_dropout_field",
}


def test_the_shipped_spaces_are_valid_and_search_what_matters():
    for file, wanted in {
        DEFAULT_SPACE: HEAD | {"backbone", "image_side", "learning_rate", "zoom", "colour"},
        FEATURES_SPACE: HEAD,
    }.items():
        assert wanted <= {dimension.name for dimension in read_space(file, TrainConfig())}


def test_what_has_no_effect_beside_another_setting_is_not_searched_with_it():
    space = {dimension.name: dimension for dimension in read_space(DEFAULT_SPACE, TrainConfig())}
    on_frames = {d.name for d in read_space(DEFAULT_SPACE, TrainConfig(frame="lesion"))}
    assert space.keys() - on_frames == {"zoom", "colour"}
    assert on_frames - space.keys() == {"artefacts", "frame_high"}
    assert space["focal_gamma"].when == ("loss", ("focal",))
    assert space["label_smoothing"].when == ("loss", ("cross_entropy",))
    assert space["head_learning_rate"].when == ("head_epochs", (1,))


def test_a_value_is_allowed_that_only_its_condition_allows(read):
    flat = TrainConfig(pooling="flatten")
    fusions = ["concat", "cross_attention"]
    when = {"choice": fusions, "when": {"pooling": ["average"]}}
    space = read({"pooling": ["average", "flatten"], "fusion": when}, flat)
    assert space[1].choices == tuple(fusions)
    with pytest.raises(ConfigError, match="set pooling to average"):
        read({"pooling": ["average", "flatten"], "fusion": fusions}, flat)


def test_choices_ranges_and_conditions_are_read(read):
    space = read(
        {
            "rotation": ["free", "none"],
            "dropout": {"range": [0, 0.6], "step": 0.2},
            "head_learning_rate": {"log_range": [1e-4, 1e-2]},
            "shear": {"range": [0.0, 0.1], "when": {"rotation": ["free"]}},
        }
    )
    assert space == (
        Dimension("rotation", ("free", "none")),
        Dimension("dropout", low=0.0, high=0.6, step=0.2),
        RATE,
        Dimension("shear", low=0.0, high=0.1, when=("rotation", ("free",))),
    )


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "empty"),
        ({"dropout": [0.3]}, "empty"),
        ({"droupout": [0.1, 0.3]}, "no setting is called 'droupout'"),
        ({"dropout": [0.1, 1.5]}, "dropout is 1.5"),
        ({"dropout": [0.1, "much"]}, "valid number"),
        ({"dropout": {"range": [0.5, 0.1]}}, "lower first"),
        ({"learning_rate": {"log_range": [0, 0.1]}}, "above 0"),
        ({"balance": {"range": [0, 1]}}, "choices as a list"),
        ({"dropout": 0.3}, "give a list of choices"),
        ({"dropout": {"range": [0, 0.5], "steps": 3}}, "step and when"),
        ({"dropout": {"range": [0, 0.5], "step": -1}}, "above 0"),
        ({"epochs": [10, 20]}, "cannot be searched"),
        ({"task": ["isic2019", "melanoma"]}, "trials must be comparable"),
        ({"shear": {"range": [0, 0.1], "when": {"rotation": ["free"]}}}, "must stand before it"),
        ({"shear": {"range": [0, 0.1], "when": "free"}}, "the list of its values"),
    ],
)
def test_a_bad_space_is_refused_with_the_next_step(read, entries, words):
    with pytest.raises(ConfigError, match=words):
        read(entries)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "space.json").write_text("learning_rate: 1")
    with pytest.raises(ConfigError, match="not a readable JSON file"):
        read_space(tmp_path / "space.json", TrainConfig())


def test_a_fixed_setting_is_not_searched_and_decides_what_depended_on_it():
    rotation = Dimension("rotation", ("free", "none"))
    shear = Dimension("shear", low=0.0, high=0.1, when=("rotation", ("free",)))
    assert without((rotation, shear, RATE), {"rotation": "free"}) == (
        replace(shear, when=None),
        RATE,
    )
    assert without((rotation, shear, RATE), {"rotation": "none"}) == (RATE,)
    zoom = Dimension("zoom", (0.1, 0.2), when=("shear", (0.1,)))
    assert without((rotation, shear, zoom, RATE), {"rotation": "none"}) == (RATE,)


def test_combinations_are_counted():
    steps = Dimension("dropout", low=0.0, high=0.6, step=0.1)
    widths = Dimension("fused_units", low=1, high=10)
    assert combinations((Dimension("rotation", ("free", "none")), steps, widths)) == 2 * 7 * 10
    assert combinations((RATE, steps)) == float("inf")


def test_a_weights_file_does_not_go_with_several_backbones():
    space = (Dimension("backbone", ("mobilenet_0.75", "mobilenet_v2")),)
    with pytest.raises(ConfigError, match="fit one backbone only"):
        Plan(space, TrainConfig(weights="some.weights.h5"))


def test_features_that_are_computed_once_cannot_vary():
    with pytest.raises(ConfigError, match="image_side cannot be searched"):
        Plan((Dimension("image_side", (96, 128)),), TrainConfig(), features=True)


@pytest.mark.parametrize("base", [{"pooling": "flatten"}, {"mixup": 0.2}])
def test_features_that_are_computed_once_are_one_vector_per_image(base):
    with pytest.raises(ConfigError, match="one vector per image"):
        Plan((RATE,), TrainConfig(**base), features=True)
    fusion = Dimension("fusion", ("concat", "cross_attention"))
    with pytest.raises(ConfigError, match="cross_attention"):
        Plan((fusion,), TrainConfig(), features=True)


def test_a_folder_belongs_to_one_search(tmp_path, toy_folder):
    from model.data.dataset import read_folder

    parts = [read_folder(toy_folder).table]
    plan = Plan((RATE,), TrainConfig())
    claim_search(tmp_path / "s", plan, parts)
    claim_search(tmp_path / "s", plan, parts)
    other = Plan((replace(RATE, high=1.0),), TrainConfig(epochs=3))
    with pytest.raises(SearchError, match="another search: its space, settings differ"):
        claim_search(tmp_path / "s", other, parts)
    with pytest.raises(SearchError, match="its images differ"):
        claim_search(tmp_path / "s", plan, [parts[0][:-1]])


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SearchError, match="holds other files"):
        claim_search(tmp_path, Plan((RATE,), TrainConfig()), [])
