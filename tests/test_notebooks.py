"""What all notebooks share, and the classroom's from its first cell to its last solution."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CLASSROOM = ROOT / "notebooks" / "04_classroom.ipynb"


def read(path):
    return nbformat.read(path, as_version=4)


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
def test_the_exercises_and_their_solutions_run(toy_folder, tmp_path):
    notebook = read(CLASSROOM)
    shutil.copytree(toy_folder, tmp_path / "data")
    (tmp_path / "model").symlink_to(ROOT / "model")
    (tmp_path / "isic_api").symlink_to(ROOT / "isic_api")
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    said = "".join(out.get("text", "") for out in outputs)
    assert "96 photographs of 48 lesions" in said
    for word in ("by lesion", "calibration error", "a stranger's", "are called"):
        assert word in said
    assert sum("image/png" in out.get("data", {}) for out in outputs) == 2
