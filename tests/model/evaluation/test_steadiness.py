"""How answers move when photographs are changed, with a predictor that answers by the colour."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.evaluation.steadiness import (
    CHANGES,
    NAMES,
    check_steadiness,
    half_the_margin,
    steadiness_sample,
)
from model.inference.finder import Framed
from model.tasks import TASKS
from tests.drawings import draw_lesion


class ByShape:
    """Melanoma is as probable as the photograph is wide for its height."""

    manifest = SimpleNamespace(
        image=SimpleNamespace(side=60),
        patient=SimpleNamespace(fields=()),
        task=TASKS["melanoma"],
        codes=["OTHER", "MEL"],
    )

    def frame(self, image):
        share = image.width / (image.width + image.height)
        return Framed(np.full((1, 2, 2, 3), round(255 * share), np.uint8))

    def predict_images(self, images, patients):
        melanoma = images.reshape(len(images), -1).mean(axis=1) / 255
        return np.stack([1 - melanoma, melanoma], axis=1)

    def study(self, path):
        width = 0.5 if "wrong" in str(path) else 0.1
        return SimpleNamespace(ranges=lambda patient: {"MEL": (0.2, 0.2 + width)})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("photographs"), []
    for number in range(6):
        name = "wrong" if number > 3 else "right"
        path = folder / f"{name}{number}.png"
        width, height = size = (90, 60) if number % 3 else (60, 40)
        draw_lesion(number, seed=number).resize(size).save(path)
        row = {"path": path, "lesion_id": str(number), "width": width, "height": height}
        rows.append(row | {"diagnosis": "NV" if name == "wrong" else "MEL"})
    return check_steadiness(ByShape(), pd.DataFrame(rows))


def test_every_change_is_measured_with_an_interval(found):
    assert (found["images"], set(found["changes"])) == (6, set(NAMES))
    turned = found["changes"]["turned_90"]
    assert turned["median_move"]["value"] == pytest.approx(0.2, abs=0.01)  # of 90 to 60 pixels
    assert turned["first_answer_changes"]["value"] == 1
    mirrored = found["changes"]["mirrored"]
    assert (mirrored["move_90th_percentile"]["value"], mirrored["median_move"]["high"]) == (0, 0)


def test_sharp_photographs_are_told_apart(found):
    assert (found["sharp"]["images"], found["sharp"]["pixels"]) == (4, 60)
    assert set(found["sharp"]["changes"]) == set(NAMES)


def test_as_many_sharp_photographs_are_drawn_as_of_all():
    sides = [200, *[20] * 6, *[200] * 3]
    table = pd.DataFrame({"lesion_id": list(map(str, range(10))), "width": sides, "height": 200})
    rows = steadiness_sample(table, 100, sample=3)
    assert (rows["drawn"].sum(), rows["sharp"].sum()) == (3, 3)
    assert rows.loc[rows["sharp"], "width"].tolist() == [200] * 3
    assert not rows["lesion_id"].duplicated().any()
    everything = steadiness_sample(table, 100, sample=None)
    assert (everything["drawn"].sum(), everything["sharp"].sum()) == (10, 4)


def test_errors_are_told_by_thirds_of_the_range(found):
    shares = [third["value"] for third in found["error_by_third_of_range"]]
    assert shares == [0, 0, 1]


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_changes_leave_a_photograph(change):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    sizes = {"turned_90": (40, 60), "third_of_the_size": (20, 13), "twice_the_margin": (120, 80)}
    changed = change(image)
    assert changed.size == sizes.get(change.__name__, (60, 40))
    assert changed.mode == "RGB"
    assert np.asarray(changed).std() > 10


def test_photographs_are_reduced_to_200_pixels_but_not_enlarged():
    assert CHANGES["at_200_pixels"](Image.new("RGB", (600, 450))).size == (200, 150)
    assert CHANGES["at_200_pixels"](Image.new("RGB", (90, 120))).size == (90, 120)


def test_half_the_margin_is_cropped_from_each_edge():
    photograph = Image.new("RGB", (100, 80))
    assert half_the_margin(photograph, (40.0, 20.0, 60.0, 70.0)).size == (60, 65)
    assert half_the_margin(photograph, (0.0, 0.0, 100.0, 80.0)).size == (100, 80)
    assert half_the_margin(photograph, None).size == (100, 80)
