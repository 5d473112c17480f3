"""The project as a package that pip installs."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import model
from tests.drawings import draw_folder

ROOT = Path(__file__).parents[1]


def pip(*words):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.slow
def test_a_wheel_holds_what_a_prediction_needs(tmp_path):
    # Built from a copy, since setuptools leaves files where it builds.
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = tracked.stdout.split("\0") if tracked.returncode == 0 else []
    parts = ("isic_api/", "model/", "demo/", "pyproject.toml", "requirements.txt", "README.md")
    for name in filter(lambda name: name.startswith(parts) and (ROOT / name).exists(), names):
        copy = tmp_path / "project" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    if not names:
        pytest.skip("this copy of the project is no git checkout")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, tmp_path / "project")
    pip("install", "--no-deps", "--target", tmp_path / "site", *tmp_path.glob("*.whl"))
    data = draw_folder(tmp_path / "data", lesions=2, images_per_lesion=1)
    ended = subprocess.run(
        [sys.executable, "-m", "model", "predict", data / "images", "--out", tmp_path / "p.csv"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + len(
        list((data / "images").iterdir())
    )
    assert (tmp_path / "site" / "demo" / "texts" / "en.toml").is_file()
    assert {"lesion-model", "isic-api"} <= {p.name for p in (tmp_path / "site" / "bin").iterdir()}


def test_every_console_script_is_a_function():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for target in scripts.values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))


def test_public_names_are_there_and_no_others():
    for name in model.__all__:
        assert getattr(model, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Network'"):
        _ = model.Network
