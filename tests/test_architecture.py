"""What may import what."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {"isic_api": set(), "model": {"isic_api"}, "demo": {"model"}}
"""Our packages that each of our packages may import, beside itself."""
BUILDS_ON = {
    "explore": ["data"],
    "inference": ["data", "networks"],
    "training": ["data", "networks", "inference"],
    "evaluation": ["data", "inference"],
    "tuning": ["data", "training", "evaluation"],
    "presets": ["data", "networks", "training", "evaluation"],
}
"""Folders of model that each of its folders may import; all may import the files beside them."""
FOR_THE_DEMO = {
    "model.diagnosis",
    "model.errors",
    "model.frame",
    "model.image",
    "model.patient",
    "model.data.context",
    "model.data.dataset",
    "model.data.formats",
    "model.data.photographs",
    "model.data.tables",
    "model.inference.prediction_table",
    "model.inference.bundle",
    "model.inference.finder",
    "model.inference.what_if",
    "model.inference.grad_cam",
    "model.inference.similar",
    "model.inference.study",
    "model.tasks",
}
"""Modules that the page may import; none of them loads Keras."""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module


def loaded_at_once(file):
    """What a file names in its imports outside of functions; not all of it need be a module."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def loaded_by(name):
    """What is loaded with one of our modules: that of ours and what these name of others'."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        path = ROOT / name.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or (name.split(".")[0] in MAY_IMPORT and not file.exists()):
            continue  # the latter is a name that a module holds
        found.add(name)
        if file.exists():
            waiting += [*loaded_at_once(file), *name.rpartition(".")[:1]]
    return found - {""}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    for path in (ROOT / package).rglob("*.py"):
        found = {name.split(".")[0] for name in imported(path)} & forbidden
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_the_folders_of_model_build_on_each_other_one_way():
    for path in (ROOT / "model").rglob("*.py"):
        folder = path.parent.name
        if path.name == "__main__.py" or folder == "cli":
            continue  # they start what is in any folder
        names = [name.split(".") for name in imported(path) if name.startswith("model.")]
        found = {name[1] for name in names if (ROOT / "model" / name[1]).is_dir()}
        forbidden = found - set(BUILDS_ON.get(folder, [])) - {folder}
        assert not forbidden, f"{path.relative_to(ROOT)} imports {forbidden}"


def test_no_imports_go_round_in_a_circle_even_for_types_or_within_functions():
    paths = [path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    TopologicalSorter(dict(zip(names, map(imported, paths), strict=True))).prepare()


def test_diagrams_are_drawn_without_matplotlibs_global_state():
    for path in (ROOT / "model").rglob("*.py"):
        assert "pyplot" not in path.read_text(encoding="utf-8"), path.relative_to(ROOT)


def test_the_demo_knows_no_network_and_no_training():
    for path in (ROOT / "demo").rglob("*.py"):
        found = {name for name in imported(path) if name.startswith("model")} - FOR_THE_DEMO
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_the_predictor_loads_neither_training_code_nor_the_client():
    found = loaded_by("model.inference.predictor")
    assert {"model.inference.bundle", "isic_api.vocabulary"} <= found
    kept_out = ("model.training", "model.tuning", "isic_api.client", "keras_tuner", "gradio")
    assert not [name for name in found if name.startswith(kept_out)]


@pytest.mark.parametrize("name", ["app", "model.inference.predictor", "model.inference.hub"])
def test_neither_the_page_nor_the_predictor_loads_a_backend_when_imported(name):
    found = {name.split(".")[0] for name in loaded_by(name)}
    assert not found & {"keras", "tensorflow", "ai_edge_litert"}
    assert "keras" in loaded_by("model.inference.keras_backend")


def test_no_test_module_is_imported():
    line = re.compile(
        r"^\s*(?:from|import) tests[\w.]*(?:\.| import (?:.*\W)?)test_\w+.*", re.MULTILINE
    )
    files = (ROOT / "tests").rglob("*.py")
    found = {path.name: line.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}
