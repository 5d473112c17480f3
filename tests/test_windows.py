"""Page and commands where all that only Linux and macOS have is taken away, each in a process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.drawings import draw_lesion, encoded
from tests.fakes.archive import FakeArchive

ROOT = Path(__file__).parents[1]
WINDOWS = {
    "PYTHONPATH": str(ROOT / "tests" / "fakes" / "windows"),
    "PYTHONWARNDEFAULTENCODING": "1",
    "PYTHONIOENCODING": "cp1252",  # of a console, and of what is redirected to a file
    "PYTHONUNBUFFERED": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
TOY = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32", "--epochs", "1"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="takes it away on Linux"),
]


def run(*words, status=0, **variables):
    """What a command prints."""
    command = [sys.executable, *map(str, words)]
    how = {"cwd": ROOT, "env": os.environ | WINDOWS | variables, "capture_output": True}
    ended = subprocess.run(command, **how)
    assert ended.returncode == status, ended.stderr.decode(errors="replace")[-3000:]
    return ended.stdout.decode(errors="replace")


def test_the_project_is_limited_and_its_libraries_are_not(tmp_path):
    module = "import os\nprint(hasattr(os, 'geteuid'))"
    assert run("-c", module) == "True\n"
    script = f"exec(compile({module!r}, 'x', 'exec'), {{'__file__': {str(ROOT / 'app.py')!r}}})"
    assert run("-c", script) == "False\n"
    taken = f"import os; held = open({str(tmp_path / 'x')!r}, 'wb'); os.remove(held.name)"
    run("-c", taken, status=1)
    run("-c", f"open({str(tmp_path / 'a:b')!r}, 'wb')", status=1)


def test_every_module_loads_and_every_command_helps():
    script = """
import contextlib, importlib, pkgutil
import isic_api, model, demo
from isic_api import __main__ as archive
from model import __main__ as commands
from isic_api.cli import parser
for package in (isic_api, model, demo):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)
names = next(action.choices for action in parser()._actions if action.choices)
for main, known in ((commands.main, commands.COMMANDS), (archive.main, names)):
    for name in known:
        with contextlib.suppress(SystemExit):
            main([name, "--help"])
"""
    assert run("-c", script).count("usage: ") >= 20


def test_the_page_starts_and_answers():
    command = [sys.executable, "app.py"]
    environment = os.environ | WINDOWS | {"GRADIO_SERVER_NAME": "127.0.0.1"}
    environment.pop("GRADIO_TEMP_DIR")  # so that the page makes its own
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as server:
        try:
            line = server.stdout.readline()
            address = re.search(r"http://[\d.:]+", line)
            assert address, server.stderr.read()[-3000:]
            files = {"image": encoded(draw_lesion(0, seed=1))}
            where = f"{address[0]}/api/predict"
            answer = requests.post(where, files=files, data={"age": "60"}, timeout=90)
            assert answer.json()["probabilities"]["MEL"] > 0
        finally:
            server.terminate()


def test_photographs_of_the_archive_are_downloaded_by_one_at_a_time(tmp_path):
    out = tmp_path / "data"
    with FakeArchive(train=6, test=2) as archive:
        where = {"ISIC_API_URL": archive.base_url}
        download = ["-m", "isic_api", "download", out, "--collection", "65"]
        assert "downloaded 6, already there 0" in run(*download, **where)
        assert "downloaded 0, already there 6" in run(*download, **where)
        hold = "import sys; from pathlib import Path; from isic_api.folder import DataFolder\n"
        twice = f"{hold}with DataFolder(Path(sys.argv[1])), DataFolder(Path(sys.argv[1])): pass"
        run("-c", twice, out, status=1)
        run("-c", f"{hold}with DataFolder(Path(sys.argv[1])): pass", out)
        assert "ISIC_" in run("-m", "isic_api", "search", "sex:male", "--limit", "2", **where)
        run("-m", "isic_api", "metadata", tmp_path / "all.csv", "--collection", "65", **where)
        run("-m", "isic_api", "collections", **where)


def test_a_folder_is_explored_divided_and_predicted(toy_folder, tmp_path):
    run("-m", "model", "explore", "--data", toy_folder, "--out", tmp_path / "report")
    run("-m", "model", "split", "--data", toy_folder, "--out", tmp_path / "split.json")
    words = ["predict", toy_folder / "images", "--metadata", toy_folder / "Toy_Metadata.csv"]
    run("-m", "model", *words, "--out", tmp_path / "p.csv")
    assert len((tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()) == 97


def test_a_network_is_trained_evaluated_exported_and_calibrated(toy_folder, tmp_path):
    places = ["--data", toy_folder, "--cache", tmp_path / "cache"]
    bundle, out = tmp_path / "run" / "bundle", ["--part", "test", "--out", tmp_path / "report"]
    commands = [
        ["train", *places, "--out", tmp_path / "run", *TOY],
        ["evaluate", *places, "--bundle", bundle, *out],
        ["export", "--bundle", bundle],
        ["calibrate", *places, "--bundle", bundle],
    ]
    told = [[str(word) for word in command] for command in commands]
    # In one process, since each loads TensorFlow.
    run("-c", f"from model.__main__ import main\nfor c in {told!r}: assert main(c) == 0, c")
