"""What several test files share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from tests.drawings import draw_folder

SHARED = Path(__file__).parents[2] / "shared"


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
