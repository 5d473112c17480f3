"""The same again: a training from its seed, and the shipped network's answers on every machine."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import keras
import pandas as pd
import pytest

from model.prediction.bundle import NETWORK_FILE
from tests.pinned import ANSWERS, TOLERANCE, photographs, predictions

ROOT = Path(__file__).parents[1]


def weights_hash(run):
    network = keras.models.load_model(run / "bundle" / NETWORK_FILE, compile=False, safe_mode=True)
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_in_another_process(toy_run, toy_folder, tmp_path):
    words = ["train", "--data", toy_folder, "--out", tmp_path / "again"]
    words += ["--config", toy_run / "config.json", "--cache", toy_run.parent / "cache"]
    command = [sys.executable, "-m", "model", *map(str, words)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    histories = [pd.read_csv(run / "history.csv") for run in (toy_run, tmp_path / "again")]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert weights_hash(tmp_path / "again") == weights_hash(toy_run)


@pytest.mark.slow
def test_the_shipped_network_answers_as_it_was_written_down():
    pinned, found = json.loads(ANSWERS.read_text()), predictions()
    exchanged = "The network was exchanged: run python -m tests.pinned and commit what it writes."
    assert found["network_sha256"] == pinned["network_sha256"], exchanged
    assert list(found["predictions"]) == [path.stem for path in photographs()]
    for name, row in pinned["predictions"].items():
        assert found["predictions"][name] == pytest.approx(row, abs=TOLERANCE), name
