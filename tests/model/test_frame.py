"""The square around a lesion."""

import numpy as np
import pytest
from PIL import Image

from model.errors import ImageError
from model.frame import Frame, check_box, crop_frame


def gradient(width: int, height: int) -> Image.Image:
    """A picture in which every place has a colour of its own."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8))


def test_a_frame_is_square_and_its_side_a_multiple_of_the_longer_side():
    frame = Frame.around((10, 20, 50, 30), 1.5)
    assert (frame.x, frame.y, frame.side) == (30, 25, 60)
    assert frame.box == (0, -5, 60, 55)


def test_a_frame_inside_the_photograph_is_a_plain_crop():
    image = gradient(100, 80)
    cropped = crop_frame(image, Frame(50, 40, 32), 32)
    assert np.array_equal(np.asarray(cropped), np.asarray(image)[24:56, 34:66])


def test_what_lies_beyond_the_photograph_is_mirrored_skin():
    image = gradient(64, 64)
    cropped = np.asarray(crop_frame(image, Frame(32, 32, 128), 128))
    assert np.array_equal(
        cropped[:, 32:96], np.pad(np.asarray(image), ((32, 32), (0, 0), (0, 0)), "symmetric")
    )
    assert np.array_equal(cropped[:, 31], cropped[:, 32])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_photograph_turns_the_frame_and_nothing_else(turns):
    image = gradient(120, 90)
    turned = Image.fromarray(np.rot90(np.asarray(image), turns))
    straight = np.asarray(crop_frame(image, Frame(60, 45, 150), 64))
    other = np.asarray(crop_frame(turned, Frame(*np.array(turned.size) / 2, 150), 64))
    assert np.array_equal(np.rot90(straight, turns), other)


@pytest.mark.parametrize("size", [40, 128])  # smaller, and larger than the photograph
def test_noise_comes_out_turned_to_the_last_bit(size):
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    straight = crop_frame(Image.fromarray(noise), Frame(30.25, 25, 44.5), size)
    turned = crop_frame(Image.fromarray(np.rot90(noise)), Frame(25, 60 - 30.25, 44.5), size)
    assert np.array_equal(np.rot90(np.asarray(straight)), np.asarray(turned))


def test_an_angle_turns_about_the_centre():
    image = gradient(100, 100)
    frame = Frame(50, 50, 40)
    by_angle = np.asarray(crop_frame(image, frame, 40, angle=180.0), int)
    assert np.abs(by_angle - np.asarray(crop_frame(image, frame, 40), int)[::-1, ::-1]).max() <= 2


def test_a_reduced_copy_of_a_photograph_comes_out_alike():
    image = gradient(400, 300)
    small = image.resize((200, 150), Image.Resampling.BOX)
    a = np.asarray(crop_frame(image, Frame(200, 150, 220), 64), int)
    b = np.asarray(crop_frame(small, Frame(100, 75, 110), 64), int)
    assert np.abs(a - b).max() <= 3


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 9, 5, 5), (float("nan"), 0, 9, 9)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(ImageError, match="has no area"):
        check_box(box, 100, 80)


def test_a_box_outside_of_the_photograph_is_refused_and_one_that_overlaps_is_cut():
    with pytest.raises(ImageError, match="outside the photograph of 100 x 80"):
        check_box((100, 0, 120, 20), 100, 80)
    assert check_box((-10, -10, 20, 90), 100, 80) == (0, 0, 20, 80)


def test_a_frame_far_from_the_photograph_is_refused():
    with pytest.raises(ImageError, match="outside the photograph"):
        crop_frame(gradient(40, 40), Frame(500, 500, 20), 32)
