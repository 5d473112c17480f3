"""From a photograph to squares around its lesion, with a finder that sees darkness as lesion."""

import numpy as np
import pytest
from PIL import Image

from model.errors import BoxError
from model.frame import Frame
from model.image import ImagePreprocessor
from model.inference.finder import frame_photograph, on_photograph
from tests.fakes.lesions import FINDER, SCALES, skin


def framed(image, **given):
    return frame_photograph(image, SCALES, FINDER, **given)


def test_one_square_per_scale_around_the_lesion():
    found = framed(skin((100, 60, 180, 140)))
    assert found.squares.shape == (2, 32, 32, 3)
    assert found.box == pytest.approx((100, 60, 180, 140), abs=6)
    assert found.frame.side == pytest.approx(1.2 * 80, abs=8)
    assert found.warnings == ()
    # The lesion takes less of the wider square.
    assert (found.squares[0] < 110).mean() > 2 * (found.squares[1] < 110).mean()


def test_without_a_lesion_the_frame_is_the_photograph():
    found = framed(skin())
    assert (found.lesions, found.box, found.warnings) == (0, None, ("no_lesion",))
    assert found.frame == Frame.whole(300, 200)


def test_a_lesion_that_fills_the_photograph_is_framed_by_it():
    found = framed(Image.new("RGB", (120, 120), (90, 60, 50)))
    assert found.frame == Frame.whole(120, 120)
    assert "lesion_at_edge" not in found.warnings


def test_several_lesions_and_one_at_the_edge_are_worth_a_notice():
    assert framed(skin((30, 60, 90, 120), (180, 60, 240, 120))).warnings == ("several_lesions",)
    assert framed(skin((-40, 60, 60, 160))).warnings == ("lesion_at_edge",)


def test_a_given_box_is_framed_in_place_of_what_would_be_found():
    found = framed(skin((30, 60, 90, 120), (180, 60, 240, 120)), box=(180, 60, 240, 120))
    assert (found.box, found.lesions, found.warnings) == ((180, 60, 240, 120), 1, ())
    assert (found.frame.x, found.frame.y) == (210, 90)


@pytest.mark.parametrize("box", [(10, 10, 10, 50), (400, 10, 500, 50), (0, 0, float("nan"), 9)])
def test_a_box_without_area_or_outside_is_refused(box):
    with pytest.raises(BoxError, match="box"):
        framed(skin(), box=box)


def test_a_network_that_sees_the_whole_photograph_takes_no_box():
    whole = ImagePreprocessor(32)
    assert frame_photograph(skin(), whole, None).squares.shape == (1, 32, 32, 3)
    with pytest.raises(BoxError, match="whole photograph"):
        frame_photograph(skin(), whole, None, box=(10, 10, 50, 50))


@pytest.mark.parametrize("method", list(Image.Transpose))
def test_turning_and_mirroring_the_photograph_does_the_same_to_the_squares(method):
    image = skin((70, 40, 150, 150), (60, 50, 120, 100))
    before = framed(image).squares.astype(int)
    after = framed(image.transpose(method)).squares
    turned = [np.asarray(Image.fromarray(s.astype(np.uint8)).transpose(method)) for s in before]
    assert np.abs(np.stack(turned).astype(int) - after).max() <= 2


def test_a_map_is_drawn_back_on_the_photograph():
    drawn = on_photograph(np.ones((4, 4)), Frame(50, 20, 20), (100, 60))
    assert drawn.shape == (60, 100)
    assert drawn[12:28, 42:58].min() > 0.9
    assert drawn[35:].max() == 0 == drawn[:, :38].max()
