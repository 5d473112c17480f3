"""The parts of a split as arrays."""

import pandas as pd
import pytest

from model.training.batches import small_images

SIZES = pd.DataFrame({"width": [100, 84, 200, 600], "height": [84, 300, 150, 450]})


@pytest.mark.parametrize("image_side", [128, 160, 192, 224])
def test_an_image_is_small_only_if_it_is_enlarged_much_whatever_its_longer_side(image_side):
    assert small_images(SIZES, image_side).tolist() == [True, True, False, False]


def test_nothing_is_small_for_a_network_that_sees_less():
    assert not small_images(SIZES, 96).any()
