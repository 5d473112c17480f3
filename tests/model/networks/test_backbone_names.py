"""Weights that cannot be had are said before anything is read."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from model.__main__ import main
from model.errors import ConfigError
from model.networks.backbone_names import BUILT_HERE, SMALLEST_SIDE, require_weights

KEPT = {
    "mobilenet_0.75": "mobilenet_7_5_128_tf_no_top.h5",
    "mobilenet_1.0": "mobilenet_1_0_224_tf_no_top.h5",
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v3_small": "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "mobilenet_v3_large": "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    "efficientnet_b0": "efficientnetb0_notop.h5",
    "efficientnet_b4": "efficientnetb4_notop.h5",
    "efficientnet_v2_b0": "efficientnetv2-b0_notop.h5",
    "inception_resnet_v2": "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "densenet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "convnext_tiny": "convnext_tiny_notop.h5",
}
"""How Keras calls the files that it downloads."""


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Gives the folder where Keras would keep its weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("model.networks.backbone_names._HOST", "http://127.0.0.1:9/")
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.mark.parametrize("command", ["train", "tune", "distill", "train-finder", "reproduce"])
def test_without_internet_a_command_says_so_in_a_line_and_reads_nothing(command, tmp_path, capsys):
    words = [command, "--data", tmp_path / "no folder", "--out", tmp_path / "out"]
    if command == "distill":
        words += ["--teachers", tmp_path, "--student", "mobilenet-dense"]
    if command == "tune":
        words += ["--epochs", "9"]
    assert main([str(word) for word in words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: the ImageNet weights of ")
    assert "cannot be downloaded" in line
    assert "--weights none" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", KEPT)
def test_a_file_that_keras_keeps_is_enough(name, offline):
    others = [file for of, file in KEPT.items() if of != name]
    for file in [*others, KEPT[name].replace("no", "with")]:
        (offline / file).touch()
    with pytest.raises(ConfigError, match=f"weights of {name} are not in"):
        require_weights("imagenet", name)
    (offline / KEPT[name]).touch()
    require_weights("imagenet", name)


def test_every_network_of_keras_is_known_here():
    families = {name.replace("_1.0", "_ALPHA").replace("_0.75", "_ALPHA") for name in KEPT}
    assert families == set(SMALLEST_SIDE) - set(BUILT_HERE)


def test_a_host_that_answers_anything_is_reached(monkeypatch):
    class Nothing(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(400)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Nothing) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr("model.networks.backbone_names._HOST", address)
        require_weights("imagenet", "mobilenet_v2")
        server.shutdown()


def test_what_is_not_downloaded_needs_no_internet(tmp_path):
    require_weights("none", "mobilenet_v2")
    require_weights("imagenet", "cnn_2block")  # refused where it is built: there are none
    (tmp_path / "own.weights.h5").touch()
    require_weights(str(tmp_path / "own.weights.h5"), "mobilenet_v2")
    with pytest.raises(ConfigError, match="do not exist"):
        require_weights(str(tmp_path / "no.weights.h5"), "mobilenet_v2")
