"""The picture of a network: what it reads from the network, and what it writes down."""

import pytest

from model.networks.backbones import build_backbone
from model.networks.figure import Architecture, draw_network, network_figure, stages
from model.networks.network import build_network
from model.patient import FIELDS
from model.training.settings import FUSIONS

CLASSES = ["MEL", "NV", "OTHER"]


def outline(fusion="concat", backbone="cnn_2block", **settings):
    inner = None
    if fusion != "metadata":
        inner = build_backbone(backbone, side=32, weights="none")
    sizes = {"patient_width": 14, "classes": len(CLASSES), "side": 32}
    return Architecture.of(build_network(inner, fusion=fusion, **sizes, **settings), FIELDS)


def words_of(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_fusion_stands_in_the_picture_by_its_name(fusion):
    assert fusion.replace("_", "\n") in words_of(network_figure(outline(fusion), CLASSES))


def test_shapes_and_layers_of_both_branches_stand_in_the_picture():
    found = outline(further_units=(7,), patient_units=5)
    words = words_of(network_figure(found, CLASSES))
    shapes = {"32 × 32 × 3", "13 × 13", "× 64", "69"}
    fields = {field.key for field in FIELDS}
    assert shapes | fields | {"fused", "patient 1", "patient 2", *CLASSES} <= set(words)
    assert [block.title for block in found.head] == ["fused", "further 1", "logits"]


def test_added_logits_have_a_head_in_each_branch():
    found = outline("add")
    titles = [block.title for block in found.image_vectors]
    assert titles == ["embedding", "fused", "image logits"]
    assert [block.title for block in found.patient_vectors][-1] == "patient logits"
    assert found.head == []


@pytest.mark.parametrize(("fusion", "unused"), [("none", "patient"), ("metadata", "image")])
def test_a_branch_that_is_left_out_is_said_to_be(fusion, unused):
    found = outline(fusion)
    assert found.unused == unused
    assert "not used" in words_of(network_figure(found, CLASSES))
    assert "not used" not in words_of(network_figure(outline(), CLASSES))


@pytest.mark.parametrize(
    ("backbone", "side", "heights"),
    [
        ("mobilenet_0.25", 128, [64, 32, 16, 8, 4]),
        ("efficientnet_b0", 128, [64, 32, 16, 8, 4]),  # whose gates are 1 x 1
        ("cnn_2block", 32, [30, 13, 6]),
    ],
)
def test_a_backbone_is_drawn_by_its_last_maps_of_each_size(backbone, side, heights):
    network = build_backbone(backbone, side=side, weights="none")
    found = stages(network)
    assert [height for height, _, _ in found] == heights
    assert found[-1] == network.output.shape[1:]


def test_nothing_lies_outside_the_picture():
    figure = network_figure(outline("add", further_units=(9, 9, 9)), CLASSES)
    figure.canvas.draw()
    width, height = figure.bbox.size
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, text.get_text()


def test_the_same_network_gives_the_same_svg(tmp_path):
    for name in ("a.svg", "b.svg"):
        draw_network(outline(), CLASSES, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"<svg" in first
