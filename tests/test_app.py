"""The page as it is shipped: ``python app.py`` with the released bundle, in a real browser."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import requests
from gradio_client import Client, handle_file

import app
from demo.examples import examples_of_folder
from isic_api.client import IsicClient
from isic_api.showcase import Showcase
from model.data.split import ISIC2019_SPLIT, Split
from model.diagnosis import DIAGNOSES
from model.inference.bundle import MANIFEST_FILE, NETWORK_FILE, RELEASED, read_manifest
from model.patient import Patient
from tests.demo.pages import add_photograph, predict, why_the_page_stops
from tests.drawings import draw_lesion
from tests.fakes.archive import FakeArchive

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Start the page as a user does; gives the address that it prints and its note of imports."""
    nobody = "http://127.0.0.1:9"  # who would answer for the Archive, asked for examples
    environment = {**os.environ, "HTTPS_PROXY": nobody, "PYTHONUNBUFFERED": "1"}
    environment["GRADIO_SERVER_NAME"] = "127.0.0.1"
    command = [sys.executable, "-X", "importtime", "app.py"]
    imported = tmp_path_factory.mktemp("page") / "imported.txt"
    with imported.open("w") as notes:
        pipes = {"stdout": subprocess.PIPE, "stderr": notes, "text": True}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
    stop = threading.Timer(90, server.kill)
    stop.start()
    line = server.stdout.readline()  # nothing before it, as an invitation to share the page
    stop.cancel()
    found = re.fullmatch(r"The page answers at (http://127\.0\.0\.1:\d+)/ \(.*\)\.\n", line)
    assert found, f"the page printed {line!r}"
    yield found.group(1), imported
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def first_answer(started, photograph):
    """Of the endpoint, asked at once: a request that comes before the network waits for it."""
    address, imported = started
    files = {"image": photograph.read_bytes()}
    answer = requests.post(f"{address}/api/predict", files=files, timeout=90)
    return answer, imported.read_text()


@pytest.fixture(scope="module")
def address(started, first_answer):
    return started[0]


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "lesion.jpg"
    draw_lesion(1, seed=3, size=(600, 450)).save(path)
    return path


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def ask(client, photograph, *context):
    answer = client.predict(handle_file(str(photograph)), *context, api_name="/predict")
    answer = answer["probabilities"]
    assert list(answer) == list(DIAGNOSES)
    return np.array(list(answer.values()))


@pytest.mark.slow
def test_changing_age_or_site_changes_the_probabilities(client, photograph):
    young = ask(client, photograph, 20, "female", "head/neck")
    old = ask(client, photograph, 80, "female", "head/neck")
    moved = ask(client, photograph, 20, "female", "palms/soles")
    assert np.abs(young - old).max() > 0.001
    assert np.abs(young - moved).max() > 0.001


@pytest.mark.slow
def test_with_all_fields_cleared_it_still_predicts(client, photograph):
    assert ask(client, photograph, None, None, None).sum() == pytest.approx(1)


@pytest.mark.slow
def test_the_page_is_built_and_its_network_answers_without_what_takes_seconds_to_load(
    first_answer,
):
    answer, imported = first_answer
    assert answer.ok
    names = re.findall(r"^import time:.*\|\s*([\w.]+)$", imported, re.MULTILINE)
    packages = {name.split(".")[0] for name in names}
    assert {"gradio", "ai_edge_litert"} <= packages
    # The lesion finder needs SciPy, which is loaded behind the page.
    assert not {"tensorflow", "keras", "sklearn", "matplotlib"} & packages


def test_a_visitor_gets_eight_bars_from_the_shipped_network(window, address, photograph):
    page = window
    page.goto(address)
    page.get_by_text("The network is ready").wait_for(timeout=90_000)
    add_photograph(page, photograph)
    page.locator("#age input").fill("70")
    page.locator("#sex").get_by_label("female").check()
    page.locator("#site").get_by_label("head/neck").check()
    predict(page)
    shown = [float(x.split()[0]) for x in page.locator("td.value").all_inner_texts()]
    assert len(shown) == 8
    assert sum(shown) == pytest.approx(100, abs=1e-6)


def test_the_released_bundle_is_small_and_bears_the_projects_split():
    for name in (NETWORK_FILE, MANIFEST_FILE):
        assert (RELEASED / name).stat().st_size < 10_000_000
    own, released = Split.load(ISIC2019_SPLIT), read_manifest(RELEASED).split
    for part in ("train", "validation", "test"):
        assert set(getattr(own, part)) <= set(getattr(released, part))
    assert set(released.test) == set(own.test)


@pytest.fixture
def from_the_archive(monkeypatch, tmp_path):
    """The module ``app``, with an Archive on this machine and a network that always says NV."""
    with FakeArchive() as archive:
        monkeypatch.setattr(app, "showcase", Showcase(IsicClient(archive.base_url, attempts=1)))
        monkeypatch.setattr(app, "EXAMPLES", tmp_path / "examples")
        monkeypatch.setattr(app.Offer, "answer", lambda offer, example: "NV")
        app.archive_photographs.cache_clear()
        yield app
        app.archive_photographs.cache_clear()


def test_examples_from_the_archive_are_credited_cc0_photographs_never_trained_on(from_the_archive):
    found = from_the_archive.offers[0].archive_examples()
    assert len(found) == len({one.diagnosis for one in found}) == app.SHOWN
    assert all(one.real for one in found)
    assert all(one.origin.endswith("ISIC Archive, Anonymous, CC-0") for one in found)
    trained = {name.removesuffix("_downsampled") for name in app.offers[0].manifest.split.train}
    assert not trained & {one.image.stem for one in found}
    assert found[1].patient == Patient()
    assert [one.misclassified for one in found] == [one.diagnosis != "NV" for one in found]


def test_photographs_that_were_fetched_once_are_not_fetched_again(from_the_archive):
    first = from_the_archive.archive_photographs()
    times = [one.image.stat().st_mtime_ns for one in first]
    from_the_archive.archive_photographs.cache_clear()
    again = from_the_archive.archive_photographs()
    assert [one.image.stat().st_mtime_ns for one in again] == times


def test_a_folder_of_examples_is_taken_instead_and_its_misses_are_marked(
    from_the_archive, photograph
):
    table = "image,diagnosis,age_approx,sex,anatom_site_general,origin\nlesion.jpg,MEL,60,,,mine\n"
    (photograph.parent / "examples.csv").write_text(table)
    given = examples_of_folder(photograph.parent, ["MEL"])
    examples = from_the_archive.offers[0].examples(given)
    assert [one.misclassified for one in examples()] == [False]
    examples._look()
    assert [(one.patient, one.misclassified) for one in examples()] == [(Patient(age=60.0), True)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"format": 99}, "format 99"),
        ({"training": {"task": "moles"}}, "the task 'moles'"),
        ({"files": {NETWORK_FILE: "0" * 64}}, "is not the file"),
    ],
)
def test_a_bundle_that_cannot_be_shown_ends_the_start_with_one_line(tmp_path, changed, reason):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    values = read_manifest(RELEASED).to_dict() | changed
    (bundle / MANIFEST_FILE).write_text(json.dumps(values))
    shutil.copy(RELEASED / NETWORK_FILE, bundle)
    said = why_the_page_stops("--bundle", RELEASED, "--bundle", bundle)
    assert said.startswith("error: ")
    assert reason in said
    assert "\n" not in said


def test_a_folder_without_a_bundle_ends_the_start_with_one_line(tmp_path):
    said = why_the_page_stops("--bundle", tmp_path / "nothing")
    assert re.fullmatch(r"error: .*nothing.*Give the folder of a bundle.*", said)


def test_a_folder_without_a_table_ends_the_start_with_one_line(tmp_path):
    said = why_the_page_stops("--examples", tmp_path)
    assert re.fullmatch(r"error: .*examples\.csv.*", said)
