"""What may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {"isic_api": set(), "model": {"isic_api"}, "demo": {"model"}}
"""Our packages that each of our packages may import, beside itself."""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    for path in (ROOT / package).rglob("*.py"):
        found = {name.split(".")[0] for name in imported(path)} & forbidden
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_the_demo_knows_no_network_and_no_training():
    allowed = {"model.errors", "model.patient", "model.bundle", "model.dataset", "model.overlay"}
    allowed |= {"model.study", "model.similar", "model.image"}  # none of which loads Keras
    for path in (ROOT / "demo").rglob("*.py"):
        found = {name for name in imported(path) if name.startswith("model")} - allowed
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_the_predictor_loads_neither_training_code_nor_the_client():
    code = "import sys, model.predictor; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"model.train", "model.batches", "isic_api.client", "keras_tuner", "gradio"}
    assert not heavy & set(loaded.stdout.split())
