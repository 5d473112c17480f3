import numpy as np
import pytest

from model.evaluation.robustness import CORRUPTIONS, SEVERITIES, corrupt, sample_per_class
from tests.drawings import draw_lesion

IMAGES = np.stack([np.asarray(draw_lesion(0, seed=n, size=(96, 96))) for n in range(3)])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_changes_the_image_more_and_keeps_shape_and_type(name):
    apart = []
    for severity in SEVERITIES:
        changed = corrupt(IMAGES, name, severity)
        assert (changed.shape, changed.dtype) == (IMAGES.shape, np.uint8)
        apart.append(np.abs(changed.astype(float) - IMAGES).mean())
    assert apart[0] > 0
    if name != "rotation":  # a lesion turned by 90 degrees may look more like itself
        assert apart == sorted(apart)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_call_gives_the_same_images(name):
    assert (corrupt(IMAGES, name, 3) == corrupt(IMAGES, name, 3)).all()


def test_severity_0_is_the_image_itself():
    assert corrupt(IMAGES, "blur", 0) is IMAGES


def test_brightness_and_contrast_go_where_they_should():
    assert corrupt(IMAGES, "darker", 5).mean() == pytest.approx(IMAGES.mean() / 2, rel=0.02)
    assert corrupt(IMAGES, "brighter", 3).mean() > IMAGES.mean()
    assert corrupt(IMAGES, "contrast", 5).std() < IMAGES.std() / 2


def test_rotation_leaves_no_black_corner():
    assert corrupt(IMAGES, "rotation", 2)[:, 0, 0].min() > 100


def test_a_sample_holds_at_most_so_many_images_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 3, 50])
    rows = sample_per_class(labels, most=20)
    assert np.bincount(labels[rows]).tolist() == [20, 3, 20]
    assert (np.diff(rows) > 0).all()
