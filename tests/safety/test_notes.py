"""SECURITY.md names tests and drills that exist; packages start at mended versions."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"(tests/[\w/]*test_\w+\.py)(?:::(\w+))?", SECURITY)))

# Versions that mended the advisories of which we know, by November 2026.
MENDED = {
    "gradio": (6, 31),  # CVE-2026-28416 and others before 6.6; brotli of CVE-2026-111497
    "keras": (3, 15),  # CVE-2025-1550, CVE-2025-8747, CVE-2026-1462: safe mode
    "pillow": (12, 3),  # CVE-2026-54058, CVE-2026-55379
    "requests": (2, 33),  # CVE-2024-47081: passwords of .netrc; CVE-2026-25645
    "urllib3": (2, 7),  # CVE-2026-21441: unpacking bombs; CVE-2026-44431, CVE-2026-44432
}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_is_named_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not name or name in found


def test_every_safety_test_file_is_named():
    files = {f"tests/safety/{path.name}" for path in (ROOT / "tests/safety").glob("test_*.py")}
    assert files <= {path for path, _ in NAMED}


def test_every_drill_and_module_that_is_named_exists():
    drills = set(re.findall(r"benchmarks/\w+\.py", SECURITY))
    assert {"benchmarks/fuzz.py", "benchmarks/load.py", "benchmarks/soak.py"} <= drills
    assert all((ROOT / drill).is_file() for drill in drills)
    assert (ROOT / "tests/model/inference/pinned.py").is_file()


def test_the_settings_that_are_named_are_those_of_the_code():
    from demo.access import LOGIN, RATE

    assert set(re.findall(r"LESION_\w+", SECURITY)) == {LOGIN, RATE}


def test_packages_start_at_mended_versions():
    lines = (ROOT / "requirements.txt").read_text().split()
    floors = {
        name: tuple(map(int, floor.split(".")))
        for name, floor in re.findall(r"([\w-]+)>=([\d.]+)", " ".join(lines))
    }
    assert {name: floors[name] for name, mended in MENDED.items() if floors[name] < mended} == {}
