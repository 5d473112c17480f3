"""A search on several processes of this machine, one of which is killed; and refusals."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pandas as pd
import pytest

from model.__main__ import main
from model.errors import SearchError
from model.tuning.cluster import VARIABLES, require_cluster, run_workers
from model.tuning.trials import read_records

ROOT = Path(__file__).parents[3]
TOY = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32", "--features"]
PLAIN = ["--fusion", "concat", "--optimiser", "sgd", "--loss", "cross_entropy"]  # to trace
FEW = ["--tuner", "random", "--trials", "3", "--workers", "2"]

BACKEND = {
    **{"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},  # loads in half of TensorFlow's time
    # To compile takes longer than so few steps.
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}
"""Of that search, where JAX is installed: no other shows that one runs without TensorFlow."""

PROXY = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "intern.example"}
"""Of a network whose proxy reaches no process of this machine."""


def command(folder, out, *more):
    places = ["--data", folder, "--out", out, "--cache", out.parent / "cache"]
    return [str(word) for word in ["tune", *places, *TOY, "--epochs", "3", *more]]


def process_of(worker, parent):
    """The number of a child process that is such a worker."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            mine = f"\nPPid:\t{parent}\n" in status.read_text()
            environment = (status.parent / "environ").read_text() if mine else ""
        except OSError:  # it ended meanwhile
            continue
        if f"{VARIABLES[0]}={worker}\0" in environment:
            return int(status.parent.name)
    raise AssertionError(f"{worker} does not run")


@contextmanager
def started(words):
    """A search, of which nothing is left behind if the test fails."""
    environment = os.environ | PROXY | (BACKEND if importlib.util.find_spec("jax") else {})
    how = {"env": environment, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, start_new_session=True, **how) as search:
        try:
            yield search
        finally:
            if search.poll() is None:
                os.killpg(search.pid, signal.SIGKILL)


def wait_until(holds, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, "the search ended before"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_a_worker_that_is_killed_is_started_again_and_no_trial_is_lost(toy_folder, tmp_path):
    out = tmp_path / "search"
    words = [sys.executable, "-m", "model", *command(toy_folder, out, *PLAIN, *FEW)]

    def running():
        found = read_records(out / "trials")
        mine = [r["trial"] for r in found if (r["worker"], r["status"]) == ("worker1", "running")]
        return mine if len(found) >= 2 else []

    with started(words) as search:
        wait_until(running, search)
        os.kill(process_of("worker1", search.pid), signal.SIGKILL)
        cut_short = read_records(out / "trials")
        _, said = search.communicate(timeout=600)
    assert search.returncode == 0, said
    records = read_records(out / "trials")
    assert len(records) == 3
    assert {record["status"] for record in records} == {"finished"}
    assert {record["worker"] for record in records} == {"worker1", "worker2"}
    again = [record["trial"] for record in records if record["starts"] == 2]
    lost = [r["trial"] for r in cut_short if (r["worker"], r["status"]) == ("worker1", "running")]
    assert again == lost
    assert len(pd.read_csv(out / "leaderboard.csv")) == 3
    assert (out / "best.json").exists()


def test_workers_whose_chief_fails_are_stopped(tmp_path, capfd):
    with pytest.raises(SearchError, match="chief did not start"):
        run_workers(["tune", "--data", str(tmp_path)], count=2, logs=tmp_path / "logs")
    assert "--out" in capfd.readouterr().err


def test_a_chief_that_cannot_be_reached_is_refused(toy_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("model.tuning.cluster._PATIENCE", 0.5)
    place(monkeypatch, "worker1", free_port())
    assert main(command(toy_folder, tmp_path / "s")) == 1
    assert "cannot be reached. Start it first" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_chief_is_reached_past_the_proxy_that_the_environment_names(monkeypatch):
    monkeypatch.setattr("model.tuning.cluster._PATIENCE", 2)
    server = grpc.server(ThreadPoolExecutor(1))
    place(monkeypatch, "worker1", server.add_insecure_port("127.0.0.1:0"))
    for name, value in (PROXY | {"NO_PROXY": ""}).items():
        monkeypatch.setenv(name, value)
    server.start()
    require_cluster()
    server.stop(None)


def test_a_chief_whose_port_is_taken_is_refused(toy_folder, tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        place(monkeypatch, "chief", server.getsockname()[1])
        assert main(command(toy_folder, tmp_path / "s")) == 1
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize("absent", VARIABLES)
def test_an_incomplete_environment_is_refused(absent, toy_folder, tmp_path, monkeypatch, capsys):
    place(monkeypatch, "worker1", free_port())
    monkeypatch.delenv(absent)
    assert main(command(toy_folder, tmp_path / "s")) == 1
    assert f"lacks {absent}" in capsys.readouterr().err


def test_workers_are_not_started_where_a_chief_is_named(toy_folder, tmp_path, monkeypatch, capsys):
    place(monkeypatch, "chief", free_port())
    assert main(command(toy_folder, tmp_path / "s", "--workers", "2")) == 1
    assert "--workers 2" in capsys.readouterr().err


def place(monkeypatch, name, port):
    for variable, value in zip(VARIABLES, (name, "127.0.0.1", str(port)), strict=True):
        monkeypatch.setenv(variable, value)


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]
