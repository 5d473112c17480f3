"""Measures of a photograph's quality, on drawings that differ in one respect."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from model.inference.quality import find_problems, fit_limits, measure
from tests.drawings import draw_lesion

SIDE = 96


def prepared(image):
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


@pytest.fixture(scope="module")
def limits():
    images = np.stack([prepared(draw_lesion(n % 8, seed=n)) for n in range(80)])
    return fit_limits(images, np.array(["HAM", "BCN"] * 40))


def test_nearly_all_of_the_images_that_set_the_limits_are_within_them(limits):
    found = [
        find_problems(prepared(draw_lesion(n % 8, seed=n)), (120, 90), limits) for n in range(80)
    ]
    assert sum(map(bool, found)) <= 8


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(6))),
        ("dark", lambda image: image.point(lambda value: value * 0.3)),
        ("bright", lambda image: image.point(lambda value: 200 + value * 0.2)),
        ("flat", lambda image: image.point(lambda value: 150 + value * 0.02)),
    ],
)
def test_a_change_is_named(limits, problem, change):
    image = draw_lesion(0, seed=200)
    assert problem not in find_problems(prepared(image), (120, 90), limits)
    assert problem in find_problems(prepared(change(image)), (120, 90), limits)


def test_a_lesion_that_is_a_speck_is_named(limits):
    speck = np.full((SIDE, SIDE, 3), 200, np.uint8)
    speck[48:50, 48:50] = 40
    assert "small_lesion" in find_problems(speck, (120, 90), limits)


def test_otsu_divides_two_brightnesses_between_them():
    half = np.full((SIDE, SIDE, 3), 200, np.uint8)
    half[:, : SIDE // 4] = 50
    assert measure(half)["lesion"] == pytest.approx(0.25, abs=0.02)


def test_a_bundle_without_limits_warns_of_nothing():
    assert find_problems(np.zeros((SIDE, SIDE, 3), np.uint8), (10, 10), {}) == ()
