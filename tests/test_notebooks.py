"""What all notebooks share; the search's and the classroom's, from the first cell to the last."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.utils.capture import capture_output
from matplotlib import pyplot
from matplotlib.figure import Figure

from model.inference.bundle import MANIFEST_FILE
from tests.drawings import draw_folder

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SEARCH = ROOT / "notebooks" / "02_tune_and_train.ipynb"
CLASSROOM = ROOT / "notebooks" / "04_classroom.ipynb"


def read(path):
    return nbformat.read(path, as_version=4)


class Shell(InteractiveShell):
    """Runs cells in this process, which has loaded already what they import."""

    def enable_gui(self, gui=None):
        """No window."""


@pytest.fixture
def shell():
    pyplot.close("all")  # what another notebook drew in this process would be shown again
    shell = Shell.instance()
    select_figure_formats(shell, {"png"})  # as a kernel does when it starts
    yield shell
    Shell.clear_instance()
    pyplot.close("all")
    pyplot.switch_backend("agg")  # no longer what a notebook asked for


def run(shell, sources):
    """Runs cells, and gives what they print and show."""
    with capture_output() as captured:
        for source in sources:
            shell.run_cell(source).raise_error()
    return captured


def pictures(captured):
    return sum("image/png" in out.data for out in captured.outputs)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_in_colab_with_one_cell(path, monkeypatch, tmp_path):
    ran = []
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr(subprocess, "run", lambda words, **_: ran.append(words))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    exec(code_cells(path)[0].source, {})
    clone, install = ran
    assert clone[:2] == ["git", "clone"]
    assert install[-2:] == ["-r", "requirements.txt"]
    assert Path.cwd() == tmp_path / "project"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cell_for_colab_does_nothing_elsewhere(path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("ran"))
    exec(code_cells(path)[0].source, {})


def test_solutions_are_hidden_in_jupyter_and_colab():
    solutions = [c for c in code_cells(CLASSROOM) if "solution" in c.metadata.get("tags", ())]
    assert len(solutions) == 4
    assert all(cell.metadata.jupyter.source_hidden for cell in solutions)
    assert all(cell.metadata.cellView == "form" for cell in solutions)
    assert all(cell.source.startswith("# @title Solution") for cell in solutions)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")  # of few lesions
@pytest.mark.usefixtures("eager")
def test_the_exercises_and_their_solutions_run(shell, tmp_path, monkeypatch):
    draw_folder(tmp_path / "data", lesions=3)
    (tmp_path / "model").symlink_to(ROOT / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    captured = run(shell, [cell.source for cell in code_cells(CLASSROOM)])
    assert "48 photographs of 24 lesions" in captured.stdout
    for word in ("by lesion", "calibration error", "a stranger's", "are called"):
        assert word in captured.stdout
    assert pictures(captured) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_the_notebook_tunes_and_trains(shell, toy_folder, tmp_path, monkeypatch):
    sources = [cell.source for cell in code_cells(SEARCH)]
    toy = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32"]
    for before, after in {"EPOCHS = 27": "EPOCHS = 2", "OPTIONS = []": f"OPTIONS = {toy}"}.items():
        assert before in sources[1]
        sources[1] = sources[1].replace(before, after)
    (tmp_path / "data").symlink_to(toy_folder)
    (tmp_path / "model").symlink_to(ROOT / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    captured = run(shell, sources)
    assert pictures(captured) == 2
    assert isinstance(shell.user_ns["_"], Figure)  # the last cell's, the curves
    assert (tmp_path / "runs" / "tuned" / "bundle" / MANIFEST_FILE).exists()
