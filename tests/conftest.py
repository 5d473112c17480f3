"""What several test files share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from tests.drawings import draw_folder

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other modules
def browser():
    """Debian's Chromium, headless."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    from tests import chromium

    if chromium.PATH is None:
        pytest.skip("needs Debian's chromium")
    with chromium.started() as browser:
        yield browser


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory):
    """A data folder of 96 drawn images: 8 classes, 6 lesions each, 2 views a lesion."""
    return draw_folder(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(scope="session")
def shared_data():
    """The real ISIC 2019 images beside the checkout, where there are any."""
    folder = SHARED / "data" / "isic2019"
    if not folder.is_dir():
        pytest.skip("needs the ISIC 2019 images in ../shared/data/isic2019")
    return folder


@pytest.fixture(scope="session")
def toy_run(toy_folder, tmp_path_factory):
    """A run folder of a small training on the toy folder, with its bundle in ``bundle``."""
    from model.__main__ import main

    folder = tmp_path_factory.mktemp("runs")
    command = ["train", "--data", toy_folder, "--out", folder / "toy", "--cache", folder / "cache"]
    settings = ["--backbone", "mobilenet_0.75", "--weights", "none", "--image-side", "32"]
    status = main([str(word) for word in [*command, *settings, "--epochs", "2"]])
    assert status == 0
    return folder / "toy"


@pytest.fixture(scope="session")
def toy_bundle(toy_run):
    """The bundle of the toy run."""
    return toy_run / "bundle"
