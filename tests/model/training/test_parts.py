"""The parts of a split as arrays."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.training.batches import FramedPhotographs, small_images
from model.training.settings import TrainConfig

SIZES = pd.DataFrame({"width": [100, 84, 200, 600], "height": [84, 300, 150, 450]})


@pytest.mark.parametrize("image_side", [128, 160, 192, 224])
def test_an_image_is_small_only_if_it_is_enlarged_much_whatever_its_longer_side(image_side):
    assert small_images(SIZES, image_side).tolist() == [True, True, False, False]


def test_nothing_is_small_for_a_network_that_sees_less():
    assert not small_images(SIZES, 96).any()


def test_a_margin_is_cropped_no_closer_than_the_lesion_which_stays_in_the_frame(tmp_path):
    lesion = (40, 30, 80, 60)
    photograph = Image.new("RGB", (120, 90), (200, 160, 140))
    photograph.paste((40, 20, 20), lesion)
    photograph.paste((0, 0, 255), (0, 0, 8, 90))  # far from the lesion
    path = tmp_path / "lesion.png"
    photograph.save(path)

    def blue_frames(share):
        config = TrainConfig(
            frame="lesion", image_side=32, frame_low=2.9, frame_high=2.9, crop_margin=share
        )
        framed = FramedPhotographs([path], np.array([lesion], float), config.with_(artefacts=0.0))
        rng = np.random.default_rng(0)
        frames = framed.at_random(np.zeros(60, int), rng).astype(int)
        assert np.median(frames[:, 14:18, 14:18].mean(axis=(1, 2, 3))) < 90  # the lesion
        return ((frames[..., 2] - frames[..., 0]) > 60).any(axis=(1, 2)).mean()

    assert blue_frames(0.0) > 0.9
    assert blue_frames(1.0) < 0.4
