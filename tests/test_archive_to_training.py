"""`isic_api download` and then `model train`, with no step in between."""

import pandas as pd
import pytest

from isic_api.__main__ import main as isic_api
from isic_api.vocabulary import CHALLENGE_CLASSES
from model.__main__ import main as model
from model.data.dataset import read_folder
from model.data.split import PARTS
from model.inference.bundle import read_manifest
from tests.fakes.archive import FakeArchive

SMALL = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32", "--epochs", "1"]


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_train_takes_the_folder_that_download_left(tmp_path):
    data, out = tmp_path / "data", tmp_path / "run"
    with FakeArchive(train=160, test=0, variety=1000) as archive:
        url = ["--base-url", archive.base_url]
        assert isic_api(["download", str(data), "--collection", "65", *url]) == 0
    folders = ["--data", str(data), "--out", str(out), "--cache", str(tmp_path / "cache")]
    assert model(["train", *folders, *SMALL]) == 0
    truth = pd.read_csv(data / "GroundTruth.csv")
    labelled = truth[truth["UNK"] == 0]
    assert len(labelled) == 128  # of ten images, one is UNK and one has no diagnosis
    manifest = read_manifest(out / "bundle")
    assert manifest.data["images"] == len(labelled)
    used = [image for part in PARTS for image in getattr(manifest.split, part)]
    assert set(used) == set(labelled["image"])
    assert set(CHALLENGE_CLASSES) < set(truth.columns)


def test_the_recipes_folder_is_read_as_well(tmp_path):
    with FakeArchive(train=40, test=10) as archive:
        url = ["--base-url", archive.base_url, "--challenge-url", archive.root + "/none/"]
        assert isic_api(["isic2019", str(tmp_path), *url]) == 0
    train, test = (read_folder(tmp_path / part) for part in ("train", "test"))
    assert (len(train.table), len(test.table)) == (32, 8)
