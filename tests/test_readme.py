"""README tells the truth; its commands and links are tested with those of all documents."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = re.findall(r"^make ([\w-]+)", README, re.MULTILINE)


def test_the_make_targets_of_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test", "test-all"} <= set(TARGETS)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in TARGETS)


def test_ci_runs_both_halves_of_the_tests():
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-2:] == ["make test", "make test-slow"]
    assert re.search("^test-all: test test-slow$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_needed_package_has_an_upper_bound():
    lines = (ROOT / "requirements.txt").read_text().split()
    assert all(re.search("<|==", line) for line in lines), lines
    named = {re.split(r"[<>=\[]", line)[0] for line in lines}
    fixed = {"tensorflow", "gradio", "pandas", "numpy", "scikit-learn", "keras-tuner", "requests"}
    assert fixed <= named


def test_the_figures_of_earlier_systems_are_those_of_their_page():
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \| [a-z][^|]*\| (0\..*) \|$", README, re.MULTILINE)
    assert len(rows) >= 8
    for name, row in rows:
        *figures, reported = row.split(" | ")
        line = re.search(rf"^\| {name} \|.*$", page, re.MULTILINE)[0]
        assert [figure for figure in figures if f"| {figure} |" not in line] == [], name
        assert reported == "not stated" or line.endswith(f"| {reported} |"), name
