"""The same again: a training from its seed, killed or not, and the shipped network's answers."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pandas as pd
import pytest

from model.__main__ import main
from model.inference.bundle import NETWORK_FILE
from tests.model.inference.pinned import ANSWERS, TOLERANCE, photographs, predictions

ROOT = Path(__file__).parents[2]


def weights_hash(run):
    network = keras.models.load_model(run / "bundle" / NETWORK_FILE, compile=False, safe_mode=True)
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


KILLED = """
import os, signal, sys
from model.__main__ import main
from model.training.resume import Backup

kept = Backup.on_epoch_end
def keep_or_die(self, epoch, logs=None):
    kept(self, epoch, logs) if epoch == 0 else os.kill(os.getpid(), signal.SIGKILL)
Backup.on_epoch_end = keep_or_die
main(sys.argv[1:])
"""
"""A training that is killed when its second epoch is in the history and not yet in the backup."""


@pytest.mark.slow
def test_killed_in_another_process_a_training_ends_here_with_the_same_weights(
    toy_run, toy_folder, tmp_path
):
    out = tmp_path / "again"
    words = ["train", "--data", toy_folder, "--out", out, "--config", toy_run / "config.json"]
    command = [str(word) for word in [*words, "--cache", toy_run.parent / "cache"]]
    child = [sys.executable, "-c", KILLED, *command]
    killed = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert pd.read_csv(out / "history.csv")["epoch"].tolist() == [0, 1]
    assert not (out / "bundle").exists()

    assert main(command) == 0
    history = pd.read_csv(out / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 1]
    for rows in (history[:2], history[::2].reset_index(drop=True)):
        pd.testing.assert_frame_equal(rows, pd.read_csv(toy_run / "history.csv"), check_exact=True)
    assert weights_hash(out) == weights_hash(toy_run)


@pytest.mark.slow
def test_the_shipped_network_answers_as_it_was_written_down():
    pinned, found = json.loads(ANSWERS.read_text()), predictions()
    exchanged = "Another network: run python -m tests.model.inference.pinned and commit the result."
    assert found["network_sha256"] == pinned["network_sha256"], exchanged
    assert list(found["predictions"]) == [path.stem for path in photographs()]
    for name, row in pinned["predictions"].items():
        assert found["predictions"][name] == pytest.approx(row, abs=TOLERANCE), name
