"""A fourth field of the patient: one entry of the schema, one label and one mapping suffice.

A copy of the program gets the three edits that CONTRIBUTING.md describes. Fresh processes then
train on drawn images, predict, evaluate and serve the page, all of which know the field.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from benchmarks.visitor import Visitor
from tests.drawings import draw_folder, draw_lesion, encoded

ROOT = Path(__file__).parents[1]
EDITS = {
    "model/patient.py": (
        "(AGE, SEX, SITE)\n",
        '(AGE, SEX, SITE, ChoiceField("family_hx_mm", "family_history", YES_NO))\n',
    ),
    "demo/texts/en.toml": ("[fields]\n", '[fields]\nfamily_history = "Melanoma in the family"\n'),
    "isic_api/metadata.py": (
        "    SITE_COLUMN: ",
        '    "family_hx_mm": lambda record: {True: "yes", False: "no"}.get(\n'
        "        record.metadata.family_hx_mm\n"
        "    ),\n"
        "    SITE_COLUMN: ",
    ),
}
"""File → what is replaced by what."""

SMALL = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32", "--epochs", "1"]
COLUMN = "family_hx_mm"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """The program with the three edits, as a folder."""
    folder = tmp_path_factory.mktemp("edited")
    for package in ("isic_api", "model", "demo"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "app.py", folder)
    for name, (before, after) in EDITS.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, name
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")
    return folder


def run(edited, *words):
    """What a command prints, run in a process of its own."""
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=edited, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn images, whose table has the new column."""
    folder = draw_folder(tmp_path_factory.mktemp("history") / "data")
    file = folder / "Toy_Metadata.csv"
    table = pd.read_csv(file)
    table[COLUMN] = [("yes", "no", None)[number // 2 % 3] for number in range(len(table))]
    table.to_csv(file, index=False)
    return folder


@pytest.fixture(scope="module")
def bundle(edited, data, tmp_path_factory):
    """Of a training of the edited program, measured on all images."""
    out = tmp_path_factory.mktemp("trained")
    cache = ["--cache", out / "cache"]
    words = ["--data", data, "--out", out / "run", *cache, *SMALL]
    run(edited, "-m", "model", "train", *words)
    bundle = out / "run" / "bundle"
    words = ["--data", data, "--bundle", bundle, "--out", out / "report", *cache]
    run(edited, "-m", "model", "evaluate", *words, "--part", "test", "--quick", "--store")
    return bundle


@pytest.fixture(scope="module")
def address(edited, bundle):
    """Of the page of the edited program."""
    environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "PYTHONUNBUFFERED": "1"}
    environment["GRADIO_SERVER_NAME"] = "127.0.0.1"
    command = [sys.executable, "app.py", "--bundle", str(bundle)]
    server = subprocess.Popen(
        command, cwd=edited, env=environment, stdout=subprocess.PIPE, text=True
    )
    stop = threading.Timer(120, server.kill)
    stop.start()
    line = server.stdout.readline()
    stop.cancel()
    assert line, "the page did not start"
    yield re.search(r"http://127\.0\.0\.1:\d+", line).group()
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def answer(address):
    """What the page shows when a visitor has filled in the new field and asks, as one text."""
    visitor = Visitor(address, timeout=120)
    parts = {part["id"]: part["props"] for part in visitor.config["components"]}
    asked = next(
        event
        for event in visitor.config["dependencies"]
        if any(parts[t[0]].get("elem_id") == "predict" for t in event["targets"] if t[0])
    )
    filled = {"image": visitor.upload(encoded(draw_lesion(0, seed=1))), "family_history": "yes"}
    given = [
        filled.get(parts[number].get("elem_id"), parts[number].get("value"))
        for number in asked["inputs"]
    ]
    return json.dumps(visitor.trigger(asked["id"], given)["data"])


def test_a_download_writes_the_archives_value_in_the_schemas_words(edited):
    ask = """
from isic_api.metadata import METADATA_COLUMNS
from isic_api.records import ImageRecord
for value in ("True", "False", ""):
    row = {"isic_id": "ISIC_0000001", "copyright_license": "CC-0", "family_hx_mm": value}
    print(METADATA_COLUMNS["family_hx_mm"](ImageRecord.from_csv(row)))
"""
    assert run(edited, "-c", ask).split() == ["yes", "no", "None"]


def test_it_is_in_the_bundle_and_in_its_index_of_similar_cases(bundle):
    manifest = json.loads((bundle / "bundle.json").read_text())
    fields = {field["key"]: field for field in manifest["patient"]["fields"]}
    assert fields["family_history"]["words"] == ["no", "yes"]
    with np.load(bundle / "similar.npz") as arrays:
        assert set(arrays["patient.family_history"]) == {"yes", "no", ""}
    assert "family history" in (bundle / "network.svg").read_text()


def test_an_evaluation_has_its_subgroups_and_the_bundle_keeps_them(bundle):
    report = json.loads((bundle.parents[1] / "report" / "report.json").read_text())
    groups = report["subgroups"]["family_history"]["groups"]
    assert list(groups) == ["no", "yes", "unknown"]
    stored = json.loads((bundle / "bundle.json").read_text())["metrics"]["test"]["subgroups"]
    assert list(stored["family_history"]) == ["no", "yes", "unknown"]
    page = (bundle.parents[1] / "report" / "report.html").read_text()
    assert "family history" in page


def test_predict_reads_it_from_a_table_and_refuses_other_words(edited, bundle, data, tmp_path):
    table, out = tmp_path / "m.csv", tmp_path / "p.csv"
    answers = {}
    for word in ("yes", "no"):
        names = sorted(path.stem for path in (data / "images").iterdir())
        table.write_text(f"image,{COLUMN}\n" + "".join(f"{name},{word}\n" for name in names))
        words = [data / "images", "--metadata", table, "--bundle", bundle, "--out", out]
        run(edited, "-m", "model", "predict", *words)
        answers[word] = pd.read_csv(out).drop(columns="image").to_numpy()
    assert abs(answers["yes"] - answers["no"]).max() > 1e-6


def test_the_page_has_an_input_for_it_by_its_label(address):
    config = requests.get(f"{address}/config", timeout=60).json()
    english = set(config["page"][""]["components"])
    parts = [part["props"] for part in config["components"] if part["id"] in english]
    found = {part.get("elem_id"): part for part in parts}
    assert found["family_history"]["label"] == "Melanoma in the family"
    assert [word for word, _ in found["family_history"]["choices"]] == ["no", "yes", "unknown"]
    assert {"if-family_history", "if-age", "if-sex", "if-site"} <= set(found)
    shown = json.dumps(config)
    assert "By melanoma in the family" in shown  # the tab Model's subgroups


def test_the_answer_names_it_and_says_what_it_changed(answer):
    assert "family history: yes" in answer
    assert "by melanoma in the family" in answer  # what if


def test_the_report_holds_it(answer):
    report = re.search(r"data:application/json;base64,([\w+/=]+)", answer).group(1)
    inputs = json.loads(base64.b64decode(report))["inputs"]
    assert inputs[COLUMN] == "yes"


def test_rest_takes_it_by_key_and_column_and_says_how_far_it_moved_the_answer(address):
    files = {"image": encoded(draw_lesion(0, seed=1))}
    answers = [
        requests.post(f"{address}/api/predict", files=files, data={name: "yes"}, timeout=60).json()
        for name in ("family_history", COLUMN)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["inputs"][COLUMN] == "yes"
    assert answers[0]["contributions"]["MEL"][COLUMN] != 0
    schema = requests.get(f"{address}/api/openapi.json", timeout=60).text
    assert '"family_history"' in schema


def test_no_name_of_a_field_is_spread_over_the_packages():
    files = [file for name in ("isic_api", "model", "demo") for file in (ROOT / name).rglob("*")]
    sources = [file for file in files if file.suffix in (".py", ".toml", ".html", ".css")]
    named = [file for file in sources if "anatom_site_general" in file.read_text(encoding="utf-8")]
    assert len(named) <= 4, named
