"""Multiply-adds, against the papers' figures and by hand."""

import keras
import pytest
from keras import layers

from model.networks.backbones import build_backbone
from model.networks.figure import multiply_adds
from model.networks.fusion import FUSIONS
from tests.fakes.shapes_only import shapes_only
from tests.parameters import slow_but

# Millions for one image of 224 x 224. The papers count the classifier too, of 1000 classes.
PUBLISHED = {
    "mobilenet_1.0": (569, 1024_000),  # Howard et al. 2017, arXiv:1704.04861
    "mobilenet_0.75": (325, 768_000),
    "mobilenet_v2": (300, 1280_000),  # Sandler et al. 2018, arXiv:1801.04381
    "resnet50": (3_800, 2048_000),  # He et al. 2016, arXiv:1512.03385
    "vgg16": (15_300, 0),  # the same; of its convolutions
    "efficientnet_b0": (390, 1280_000),  # Tan & Le 2019, arXiv:1905.11946
    "convnext_tiny": (4_500, 768_000),  # Liu et al. 2022, arXiv:2201.03545
}


@pytest.fixture(scope="module", autouse=True)
def without_values():
    with shapes_only():
        yield


@pytest.mark.parametrize("name", slow_but("mobilenet_1.0", PUBLISHED))
def test_multiply_adds_of_a_backbone_are_those_of_its_paper(name):
    published, classifier = PUBLISHED[name]
    backbone = build_backbone(name, side=224, weights="none")
    assert (multiply_adds(backbone) + classifier) / 1e6 == pytest.approx(published, rel=0.02)


def test_a_convolution_costs_its_kernel_at_every_place_of_its_output():
    image = keras.Input((10, 8, 3))
    network = keras.Model(image, layers.Conv2D(5, (3, 2), strides=2, padding="same")(image))
    assert multiply_adds(network) == (3 * 2 * 3 * 5) * (5 * 4)


def test_a_dense_layer_inside_a_network_inside_a_network_is_counted():
    inner = keras.Sequential([keras.Input((7,)), layers.Dense(4, activation="relu")])
    values = keras.Input((7,))
    outer = keras.Model(values, layers.Dense(3)(layers.Dropout(0.5)(inner(values))))
    assert multiply_adds(outer) == 7 * 4 + 4 * 3


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [("none", 0), ("concat", 0), ("film", 2 * 6 * 16), ("metablock", 2 * 6 * 16)],
)
def test_a_fusion_costs_its_maps_from_the_context_to_the_channels(fusion, expected):
    assert multiply_adds(fuse(FUSIONS[fusion](), (16,))) == expected


def test_cross_attention_costs_a_key_and_a_value_of_every_cell():
    channels, context, heads, width, cells = 16, 8, 4, 2, 9
    maps = context * heads * width + heads * width * context
    each_cell = 2 * channels * heads * width + 2 * heads * width
    network = fuse(FUSIONS["cross_attention"](), (cells, channels), context=context)
    assert multiply_adds(network) == maps + cells * each_cell


def fuse(layer, embedding, *, context=6):
    pair = [keras.Input(embedding), keras.Input((context,))]
    return keras.Model(pair, layer(pair))
