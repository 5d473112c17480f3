"""How answers move when photographs are changed, with a predictor that answers by the colour."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.evaluation.steadiness import CHANGES, check_steadiness
from model.inference.finder import Framed
from model.tasks import TASKS
from tests.drawings import draw_lesion


class ByShape:
    """Melanoma is as probable as the photograph is wide for its height."""

    manifest = SimpleNamespace(
        patient=SimpleNamespace(fields=()), task=TASKS["melanoma"], codes=["OTHER", "MEL"]
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
        draw_lesion(number, seed=number).resize((90, 60)).save(path)
        diagnosis = "NV" if name == "wrong" else "MEL"
        rows.append({"path": path, "lesion_id": str(number), "diagnosis": diagnosis})
    return check_steadiness(ByShape(), pd.DataFrame(rows))


def test_every_change_is_measured_with_an_interval(found):
    assert (found["images"], set(found["changes"])) == (6, set(CHANGES))
    turned = found["changes"]["turned_90"]
    assert turned["median_move"]["value"] == pytest.approx(0.2, abs=0.01)  # of 90 to 60 pixels
    assert turned["first_answer_changes"]["value"] == 1
    mirrored = found["changes"]["mirrored"]
    assert (mirrored["move_90th_percentile"]["value"], mirrored["median_move"]["high"]) == (0, 0)


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
