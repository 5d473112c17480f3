"""Finding lesions in drawn photographs, with a made-up outline network."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model.inference.finder import find_lesions


def photograph(*boxes, size=(320, 240)):
    """Skin with a dark ellipse in each box."""
    image = Image.new("RGB", size, (225, 185, 165))
    for box in boxes:
        ImageDraw.Draw(image).ellipse(box, fill=(90, 50, 40))
    return image


def dark(views: np.ndarray) -> np.ndarray:
    """A finder that takes all that is dark for lesion."""
    batch, side = views.shape[:2]
    cells = views.mean(axis=3).reshape(batch, side // 2, 2, side // 2, 2).mean(axis=(2, 4))
    return np.clip((160 - cells) / 60 + 0.5, 0, 1)


def test_a_lesion_is_found_where_it_is():
    found = find_lesions(photograph((100, 60, 180, 120)), dark)
    assert len(found.lesions) == 1
    assert found.lesions[0].box == pytest.approx((100, 60, 180, 120), abs=3)
    assert json.dumps(found.lesions[0].box)  # plain numbers, for REST and predict --json
    assert not found.at_edge
    assert not found.fills


def test_a_small_lesion_gets_a_second_look():
    found = find_lesions(photograph((150, 110, 174, 134), size=(640, 480)), dark)
    assert found.lesions[0].box == pytest.approx((150, 110, 174, 134), abs=2)
    assert found.frame.side < 75


def test_none_is_found_on_plain_skin():
    found = find_lesions(photograph(), dark)
    assert found.lesions == ()


def test_of_several_the_large_one_in_the_middle_comes_first():
    found = find_lesions(photograph((5, 5, 55, 50), (120, 80, 220, 160)), dark)
    assert len(found.lesions) == 2
    assert found.lesions[0].box[0] == pytest.approx(120, abs=3)


def test_a_lesion_cut_by_the_edge_and_one_that_fills_the_photograph_are_told():
    assert find_lesions(photograph((-60, 80, 60, 170)), dark).at_edge
    filled = find_lesions(photograph((-200, -200, 520, 440)), dark)
    assert filled.fills
    assert filled.lesions[0].box == (0, 0, 320, 240)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_photograph_turns_the_box(turns):
    image = photograph((60, 90, 180, 130))
    pixels = np.asarray(image)
    turned = Image.fromarray(np.rot90(pixels, turns))
    mask = np.zeros(pixels.shape[:2], bool)
    x0, y0, x1, y1 = (round(v) for v in find_lesions(image, dark).lesions[0].box)
    mask[y0:y1, x0:x1] = True
    rows, columns = np.nonzero(np.rot90(mask, turns))
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert find_lesions(turned, dark).lesions[0].box == pytest.approx(expected, abs=2)


def test_a_change_of_the_outline_too_small_to_see_moves_the_box_as_little():
    y, x = np.mgrid[-1:1:56j, -1:1:56j]
    soft = np.clip(1 - 1.2 * np.hypot(x, y), 0, 1)  # half at 0.42 of the way to the edge

    def box(more):
        return np.array(
            find_lesions(photograph(), lambda _: np.stack([soft + more] * 8)).lesions[0].box
        )

    sides = [np.ptp(box(more).reshape(2, 2)[:, 0]) for more in np.arange(0, 0.05, 0.002)]
    steps = np.diff(sides)
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.mean()  # from cell to cell it would stand still, then jump


def test_a_turned_photograph_is_seen_by_a_finder_that_is_not_symmetric():
    def lopsided(views: np.ndarray) -> np.ndarray:
        found = dark(views)
        found[:, :, :8] = 0  # blind on the left
        return found

    image = photograph((100, 60, 180, 120))
    turned = Image.fromarray(np.asarray(image)[::-1, ::-1])
    a, b = (find_lesions(one, lopsided).lesions[0].box for one in (image, turned))
    assert (320 - b[2], 240 - b[3]) == pytest.approx(a[:2], abs=2)
