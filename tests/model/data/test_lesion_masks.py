import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.data.lesion_masks import (
    mask_groups,
    prepared_mask,
    read_mask,
    size_group,
    skin_angle,
    tone_group,
    typology_angle,
)
from model.image import ImagePreprocessor


def photograph(skin=(225, 180, 160), lesion=(60, 30, 20)):
    """100 x 80 pixels with a square lesion of 5 %; and its outline."""
    mask = np.zeros((80, 100), bool)
    mask[30:50, 40:60] = True
    return np.where(mask[..., None], lesion, skin).astype(np.uint8), mask


@pytest.mark.parametrize(
    ("rgb", "angle"),
    # CIELAB of these colours: (87.74, 8.0, 14.5), (46.16, 14.9, 22.2), (53.59, 0, 0).
    [((240, 214, 193), 69.0), ((145, 98, 74), -9.8), ((128, 128, 128), 90.0)],
)
def test_the_typology_angle_of_known_colours(rgb, angle):
    assert typology_angle(np.array(rgb)) == pytest.approx(angle, abs=1.0)


def test_lighter_skin_has_a_higher_angle():
    tones = [(236, 200, 180), (215, 170, 145), (180, 130, 100), (120, 80, 60), (70, 45, 35)]
    angles = typology_angle(np.array(tones))
    assert (np.diff(angles) < 0).all()


def test_groups_have_the_published_bounds():
    angles = (56, 55, 41, 28, 10, -30, -80)
    expected = ["very light", "light", "intermediate", "tan", "brown", "dark", "dark"]
    assert [tone_group(angle) for angle in angles] == expected
    assert [size_group(share) for share in (0.05, 0.10, 0.3)] == [
        "under 10 %",
        "10-25 %",
        "over 25 %",
    ]


def test_the_lesion_and_black_corners_do_not_count_as_skin():
    image, mask = photograph()
    alone = skin_angle(image, mask)
    image[:20, :20] = 0
    assert skin_angle(image, mask) == pytest.approx(alone)
    assert alone == pytest.approx(float(typology_angle(np.array((225, 180, 160)))))


def test_a_photograph_filled_by_its_lesion_has_no_angle():
    image, mask = photograph()
    assert skin_angle(image, np.ones_like(mask)) is None


def test_groups_are_read_from_outlines_and_absent_ones_are_left_out(tmp_path):
    image, mask = photograph()
    Image.fromarray(image).save(tmp_path / "a.png")
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a_segmentation.png")
    table = pd.DataFrame({"image": ["a", "b"], "path": [tmp_path / "a.png"] * 2})
    groups = mask_groups(table, [tmp_path / "masks"])
    assert groups["lesion_size"].tolist()[0] == "under 10 %"
    assert groups.iloc[1].isna().all()
    assert mask_groups(table, [tmp_path / "nowhere"]) is None
    assert read_mask([tmp_path / "masks"], "b") is None


def test_the_prepared_outline_lies_where_the_lesion_is_in_the_prepared_image(tmp_path):
    image, mask = photograph()
    image = np.pad(image, ((0, 0), (30, 0), (0, 0)))  # a black border on the left
    mask = np.pad(mask, ((0, 0), (30, 0)))
    Image.fromarray(image).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "a.png")
    preprocessor = ImagePreprocessor(64)
    prepared = preprocessor.load(tmp_path / "photo.png")
    outline = prepared_mask([tmp_path], "a", tmp_path / "photo.png", preprocessor)
    dark = prepared.max(axis=2) < 100
    assert outline.shape == dark.shape
    assert (outline == dark).mean() > 0.98
