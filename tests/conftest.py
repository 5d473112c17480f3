"""What several test files share."""

import asyncio
import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # of those that share the tests

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # toy networks: more would only wait
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GRADIO_SERVER_PORT", str(7860 + 100 * WORKER))  # the first that is tried
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# A page that closes deletes its uploads, and with them those of the same content of other pages.
UPLOADS = os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="lesion-in-context-tests-")

from tests.drawings import draw_folder, draw_lesion

SHARED = Path(__file__).parents[2] / "shared"


SLOWEST = (
    "windows published_commands packaging tune_workers backbones fit train devices preset notebooks"
)
"""Test files that take from a quarter of a minute of one core upwards."""


@pytest.hookimpl(tryfirst=True)  # before ``-m`` selects by the marks
def pytest_collection_modifyitems(items):
    """Marks what asks for a browser; the longest begin, so that in the end none works alone."""
    for item in items:
        if "only_window" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    first = {f"test_{name}.py" for name in SLOWEST.split()}
    items.sort(key=lambda item: item.path.name not in first)


def pytest_collection_finish():
    """Spares the garbage collector all that the libraries hold, half a million objects a look."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """Leaves nothing of a worker."""
    shutil.rmtree(UPLOADS, ignore_errors=True)


@pytest.fixture(scope="module")  # so that a module's other fixtures can ask for it
def eager():
    """Runs networks layer by layer: to trace one takes longer than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module", autouse=True)
def forgotten_networks():
    """Lets go of a module's networks, which hold each other, before the next one's are built."""
    yield
    gc.collect()
    gc.freeze()  # what outlives its module: the next look, of a second otherwise, spares it


@pytest.fixture(scope="session")
def only_window():
    """Of Debian's Chromium, headless, with the event loop of the one who drives it."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    from tests.demo import chromium

    if chromium.PATH is None:
        pytest.skip("needs Debian's chromium")
    with chromium.started() as browser:
        window, loop = browser.new_page(), asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield window, loop
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="module")
def window(only_window):
    """One to open pages in: what it loaded once it need not compile again."""
    window, loop = only_window
    asyncio._set_running_loop(loop)
    window.set_viewport_size({"width": 1280, "height": 800})
    yield window
    window.goto("about:blank")
    asyncio._set_running_loop(None)  # it would be in the way of other modules' own


@pytest.fixture(scope="session")
def axe():
    """Finds what those who cannot see or point would miss."""
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


@pytest.fixture(scope="session")
def address():
    """Of a page with a made-up network behind it."""
    from tests.demo.pages import served

    with served() as address:
        yield address


@pytest.fixture(scope="session")
def photograph(tmp_path_factory):
    """A file to upload."""
    path = tmp_path_factory.mktemp("upload") / "lesion.jpg"
    draw_lesion(0, seed=1, size=(600, 450)).save(path)
    return path


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
    settings = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32"]
    status = main([str(word) for word in [*command, *settings, "--epochs", "2"]])
    assert status == 0
    return folder / "toy"


@pytest.fixture(scope="session")
def toy_bundle(toy_run):
    """The bundle of the toy run."""
    return toy_run / "bundle"


@pytest.fixture(scope="session")
def untrained_bundle(toy_folder, tmp_path_factory):
    """A calibrated bundle of an untrained network, for tests that change nothing in it."""
    from tests.fakes.toy_bundle import write_toy_bundle

    return write_toy_bundle(tmp_path_factory.mktemp("untrained") / "bundle", toy_folder)


@pytest.fixture
def own_bundle(untrained_bundle, tmp_path):
    """A copy of it, to change."""
    return shutil.copytree(untrained_bundle, tmp_path / "bundle")
