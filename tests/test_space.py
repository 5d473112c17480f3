"""The project as a Hugging Face Space: its settings hold together and its install line resolves."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from model.inference.bundle import RELEASED, read_manifest
from tests.demo.pages import why_the_page_stops
from tests.fakes.hub import fake_hub, send_there

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = yaml.safe_load(README.split("---\n")[1])
ADDED = ("uvicorn>=0.14.0", "websockets>=10.4", "spaces")
"""What a Space installs besides, as public build logs show."""


def needed():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {Requirement(line).name: Requirement(line).specifier for line in lines}


def test_the_readme_opens_with_the_settings_of_a_space():
    assert README.startswith("---\n")
    assert SETTINGS["sdk"] == "gradio"
    assert SETTINGS["python_version"] == "3.12"
    assert (ROOT / SETTINGS["app_file"]).is_file()
    assert len(SETTINGS["short_description"]) <= 60
    assert SETTINGS["tags"]


def test_the_space_runs_the_gradio_that_is_pinned():
    version = SETTINGS["sdk_version"]
    assert version in needed()["gradio"]
    assert f">={version.rpartition('.')[0]}" in str(needed()["gradio"])


def test_the_licence_of_the_space_is_that_of_the_network():
    assert SETTINGS["license"] == read_manifest(RELEASED).licence.lower().replace(" ", "-")


def test_no_file_of_the_project_is_too_large_for_a_space_without_lfs():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    if not files:
        pytest.skip("needs a git checkout")
    assert [f.name for f in files if f.is_file() and f.stat().st_size > 10_000_000] == []


@pytest.mark.slow
def test_the_install_line_of_a_space_resolves():
    gradio = f"gradio[oauth,mcp]=={SETTINGS['sdk_version']}"
    words = ["install", "--dry-run", "--quiet", "--retries", "0", "--report", "-"]
    words += ["--requirement", "requirements.txt", gradio, *ADDED]
    command = [sys.executable, "-m", "pip", *words]
    pip = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    unanswered = "from versions: none" in pip.stderr or "ConnectionError" in pip.stderr
    if pip.returncode and unanswered and "ResolutionImpossible" not in pip.stderr:
        pytest.skip("no package registry answers")
    assert pip.returncode == 0, pip.stderr[-2000:]
    chosen = {p["metadata"]["name"].lower() for p in json.loads(pip.stdout)["install"]}
    assert not chosen & {"gradio", "tensorflow", "keras"}, "the tests run with other versions"


def test_a_page_that_is_to_serve_what_the_hub_has_not_says_so_and_stops(monkeypatch, tmp_path):
    monkeypatch.setenv("MODEL_ID", "ada/lesions")
    with fake_hub() as hub:
        send_there(monkeypatch, hub.address, tmp_path)
        said = why_the_page_stops()
    assert said.startswith("error: the Hub has no public repository")


def test_the_cold_start_is_measured_and_said():
    start = json.loads((ROOT / "benchmarks" / "start.json").read_text())
    assert {"page_up_s", "first_answer_s", "peak_memory_mb"} <= set(start)
    assert re.search(r"benchmarks/start\.py", (ROOT / "docs" / "space.md").read_text())
