"""Other backends and several devices train to the same weights, in processes of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.errors import ConfigError
from model.training.batches import LabelledBatches
from model.training.devices import device_count
from model.training.settings import TrainConfig

ROOT = Path(__file__).parents[3]
BACKENDS = [name for name in ("tensorflow", "jax") if importlib.util.find_spec(name)]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders by (backend, devices), each with the weights and the history of two steps."""
    folder = tmp_path_factory.mktemp("steps")
    command = [sys.executable, "-m", "tests.model.training.fit_steps"]
    running = {
        backend: subprocess.Popen(
            [*command, str(folder / backend)],
            cwd=ROOT,
            env=os.environ | {"KERAS_BACKEND": backend},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for backend in BACKENDS
    }
    for backend, process in running.items():
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, f"{backend}: {said[-2000:]}"
    return {(b, name): folder / b / name for b in BACKENDS for name in ("one", "two")}


def weights_of(folder):
    with np.load(folder / "weights.npz") as found:
        return list(found.values())


def assert_same_training(one, other):
    for mine, theirs in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    histories = [pd.read_csv(folder / "history.csv") for folder in (one, other)]
    pd.testing.assert_frame_equal(*histories, rtol=1e-5)


def test_two_steps_move_the_weights(trained):
    rng = np.random.default_rng(1)
    for weights in weights_of(trained["tensorflow", "one"]):
        assert np.abs(weights - rng.normal(0, 0.1, weights.shape)).max() > 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_devices_train_like_one(trained, backend):
    assert_same_training(trained[backend, "one"], trained[backend, "two"])


@pytest.mark.parametrize(("rows", "batches"), [(16, [8, 8]), (17, [8, 8]), (13, [8, 4])])
def test_rows_that_two_devices_cannot_share_are_left_out(rows, batches):
    images, patients = np.zeros((rows, 4, 4, 3), np.uint8), np.zeros((rows, 5), np.float32)
    how = {"weights": np.ones(rows), "classes": 2, "batch_size": 8, "devices": 2}
    shown = LabelledBatches(images, patients, np.zeros(rows, int), **how)
    assert [len(shown[number][2]) for number in range(len(shown))] == batches


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr("keras.distribution.list_devices", lambda: ["a", "b"])
    assert device_count(TrainConfig(batch_size=7)) == 1
    assert device_count(TrainConfig(batch_size=8, devices="all")) == 2
    with pytest.raises(ConfigError, match="2 devices cannot share evenly"):
        device_count(TrainConfig(batch_size=7, devices="all"))


@pytest.mark.skipif("jax" not in BACKENDS, reason="needs jax, of requirements-dev.txt")
def test_jax_trains_like_tensorflow(trained):
    assert_same_training(trained["tensorflow", "one"], trained["jax", "one"])
