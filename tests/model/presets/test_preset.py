"""Presets: each builds as it was published, trains, and can be named in a training."""

from types import SimpleNamespace

import numpy as np
import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.data.split import Split
from model.errors import ConfigError
from model.networks.backbone_names import SMALLEST_SIDE
from model.patient import PatientEncoder
from model.presets.bench import fitting_side, trainable_weights
from model.presets.preset import load_preset, preset_names, presets_text
from model.tasks import TASKS
from model.training.resume import Progress
from model.training.settings import read_config
from model.training.stages import stages_of
from model.training.train import build_of, train
from tests.drawings import draw_folder
from tests.fakes.shapes_only import shapes_only
from tests.parameters import slow_but

pytestmark = pytest.mark.usefixtures("eager")  # one graph is traced in test_model_train
NAMES = preset_names()
PUBLISHED = {
    "cnn-4block": (646_471, {"all": 646_471}),
    "vgg16-dense": (14_790_919, {"head": 76_231}),
    "resnet50-dense": (23_860_551, {"head": 272_839}),
    "mobilenet-dense": (4_285_639, {"all": 2_914_823}),
    "efficientnet-b4-dense": (None, {"head": 2_494_216, "all": 2_494_216}),
    "inception-resnet-v2-melanoma": (57_961_378, {"head": 3_624_642}),
    "dual-input-cnn": (11_965_953, {}),
    "siim-cnn-v1": (11_354_369, {}),
    "siim-cnn-v2": (14_714_753, {}),
    "siim-cnn-v3": (10_535_809, {}),
}
"""Weights as its authors count them, and those that learn in the stages they say it of."""

LARGE = {"mobilenet_1.0", "vgg16", "resnet50", "efficientnet_b4", "inception_resnet_v2"}
"""Networks that are built in the tests of backbones; here a small one stands in."""

FIVE_VALUES = SimpleNamespace(width=5)
"""What the authors of the dual-input network know of a patient."""


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A data folder of three lesions a class, and a split of it."""
    folder = tmp_path_factory.mktemp("few")
    dataset = read_folder(draw_folder(folder / "data", lesions=3, images_per_lesion=1))
    images = dataset.table["image"]
    thirds = [tuple(images[number::3]) for number in range(3)]
    return SimpleNamespace(folder=folder, dataset=dataset, split=Split(*thirds, rule="", seed=0))


@pytest.mark.parametrize("name", slow_but(NAMES[0], NAMES))
def test_a_preset_builds_at_its_own_size_with_as_many_weights_as_published(name):
    preset = load_preset(name)
    config = preset.config(weights="none")
    with shapes_only():
        network = build_of(config, FIVE_VALUES, TASKS[config.task])
    side = config.image_side
    assert network.input["image"].shape == (None, side, side, 3)
    assert network.output.shape == (None, len(TASKS[config.task].classes))
    total, learning = PUBLISHED.get(name, (None, {}))
    assert (preset.parameters, preset.trainable) == (total, learning)
    assert total in (None, network.count_params())
    stages = [stage.name for stage in stages_of(config)]
    found = {stage: trainable_weights(network, config, stages.index(stage)) for stage in learning}
    assert found == learning


def test_what_the_encoding_of_the_patient_adds_to_the_dual_input_network_is_said():
    preset = load_preset("dual-input-cnn")
    with shapes_only():
        network = build_of(preset.config(), PatientEncoder.fit([]), TASKS["melanoma"])
    assert f"takes {network.count_params() - preset.parameters} weights more" in preset.departs


def test_dropout_is_where_the_authors_have_it():
    rates = {}
    for name in ("efficientnet-b4-dense", "inception-resnet-v2-melanoma", "dual-input-cnn"):
        config = load_preset(name).config(weights="none", backbone="cnn_2block", image_side=32)
        network = build_of(config, FIVE_VALUES, TASKS[config.task])
        rates[name] = [layer.rate for layer in network.layers if "dropout" in layer.name]
    assert rates["efficientnet-b4-dense"] == [0, 0.5, 0.3, 0]
    assert rates["inception-resnet-v2-melanoma"] == [0] * 7 + [0.3]
    assert rates["dual-input-cnn"] == [0, 0.3]


def test_the_optimisers_that_the_authors_compared_are_variants_of_a_preset():
    variants = load_preset("siim-cnn-v2").variants()
    assert [(one.name, one.config().optimiser) for one in variants] == [
        ("siim-cnn-v2", "sgd"),
        ("siim-cnn-v2-adam", "adam"),
        ("siim-cnn-v2-rmsprop", "rmsprop"),
    ]
    assert [one.name for one in load_preset("siim-cnn-v1").variants()] == ["siim-cnn-v1"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_trains_for_an_epoch(name, few, tmp_path):
    preset = load_preset(name)
    own = preset.config()
    small = {"weights": "none", "epochs": 1, "head_epochs": min(own.head_epochs, 1)}
    if own.backbone in LARGE:
        small["backbone"] = "cnn_2block"
    config = preset.config(**small)
    config = config.with_(image_side=fitting_side(config, 32))
    assert config.image_side == SMALLEST_SIDE.get(config.backbone, 32)
    classes = len(TASKS[config.task].classes)
    train(
        few.dataset,
        few.split,
        config,
        out=tmp_path,
        cache_dir=few.folder,
        teacher=np.full((8, classes), 1 / classes, np.float32) if preset.teacher else None,
    )
    assert np.isfinite(Progress(tmp_path).history()["loss"]).tolist() == [True]


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_what_it_is_where_it_is_from_and_what_differs(name):
    preset = load_preset(name)
    texts = (preset.title, preset.source, preset.reported, preset.departs, preset.differs)
    assert all(texts)
    assert not preset.teacher or preset.teacher in NAMES
    assert preset.name in presets_text()


def test_a_preset_brings_nothing_of_this_project_along():
    config = load_preset("siim-cnn-v1").config()
    assert config.optimiser == "sgd"
    assert config.label_smoothing == config.downscale == config.metadata_dropout_all == 0
    assert not config.crop_border
    assert load_preset("cancernet-sca").config().shift == 0


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match="siim-cnn-v3"):
        load_preset("siim")


@pytest.mark.slow
def test_train_takes_a_preset_by_name_and_lets_options_change_it(few, tmp_path):
    few.split.save(tmp_path / "split.json")
    words = ["train", "--data", few.folder / "data", "--split", tmp_path / "split.json"]
    words += ["--out", tmp_path / "run", "--cache", few.folder, "--preset", "cnn-4block"]
    assert main([*map(str, words), "--image-side", "46", "--epochs", "1", "--shear", "0.1"]) == 0
    config = read_config(tmp_path / "run" / "config.json")
    assert (config["backbone"], config["pooling"], config["zoom"]) == ("cnn_4block", "flatten", 0.1)
    assert (config["image_side"], config["shear"]) == (46, 0.1)


def test_train_refuses_an_unknown_preset(few, tmp_path, capsys):
    words = ["train", "--data", few.folder / "data", "--out", tmp_path / "run"]
    assert main([*map(str, words), "--preset", "resnet"]) == 1
    assert "resnet50-dense" in capsys.readouterr().err
