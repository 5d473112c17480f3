"""Training on drawn images: it writes what it promises, and goes on after an interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from model.__main__ import main
from model.bundle import read_manifest
from model.split import PARTS

ROOT = Path(__file__).parents[1]
SMALL = ["--backbone", "mobilenet_0.75", "--weights", "none", "--image-side", "32"]


def test_a_run_leaves_history_logs_settings_split_and_bundle(toy_run):
    assert len(pd.read_csv(toy_run / "history.csv")) == 2
    assert json.loads((toy_run / "config.json").read_text())["epochs"] == 2
    assert list((toy_run / "logs").rglob("events.out.tfevents*"))
    manifest = read_manifest(toy_run / "bundle")
    assert sum(len(getattr(manifest.split, part)) for part in PARTS) == 96
    assert manifest.data["images"] == 96
    assert manifest.licence == "CC BY-NC 4.0"


def test_a_finished_run_is_not_overwritten(toy_run, toy_folder, capsys):
    command = ["train", "--data", str(toy_folder), "--out", str(toy_run), *SMALL]
    assert main([*command, "--epochs", "2"]) == 1
    assert "finished" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(toy_folder, tmp_path):
    out = tmp_path / "run"
    words = ["train", "--data", toy_folder, "--out", out, "--cache", tmp_path / "cache"]
    command = [sys.executable, "-m", "model", *map(str, words), *SMALL, "--epochs", "4"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    first = subprocess.Popen(command, **quiet)
    metadata = out / "backup" / "training_metadata.json"
    deadline = time.monotonic() + 120
    while not metadata.exists() and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = pd.read_csv(out / "history.csv")
    assert 1 <= len(before) < 4
    done = json.loads(metadata.read_text())["epoch"]
    second = subprocess.run(command, **quiet, check=False, timeout=180)
    assert second.returncode == 0
    history = pd.read_csv(out / "history.csv")
    assert history["epoch"].drop_duplicates().tolist() == [0, 1, 2, 3]
    assert history["epoch"].tolist()[: len(before)] == before["epoch"].tolist()
    assert len(history) == len(before) + 4 - done
    assert (out / "bundle" / "bundle.json").exists()


def test_other_settings_do_not_go_on_with_a_run(toy_folder, toy_run, tmp_path, capsys):
    out = tmp_path / "run"
    out.mkdir()
    for name in ("config.json", "split.json"):
        (out / name).write_text((toy_run / name).read_text())
    command = ["train", "--data", str(toy_folder), "--out", str(out), *SMALL]
    assert main([*command, "--epochs", "3", "--cache", str(tmp_path)]) == 1
    assert "other settings" in capsys.readouterr().err
