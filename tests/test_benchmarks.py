"""The tables of the benchmarks are those of their saved results."""

import importlib.util
import json
from pathlib import Path

from benchmarks.fusion import page

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_the_table_is_made_from_the_saved_results():
    spec = importlib.util.spec_from_file_location("table", FOLDER / "table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    written = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert table.results() in written
    assert table.results().count("\n") > 6


def test_the_comparison_of_fusions_is_made_from_its_saved_result():
    report = json.loads((FOLDER / "fusion.json").read_text(encoding="utf-8"))
    written = (FOLDER.parent / "docs" / "fusion.md").read_text(encoding="utf-8")
    assert page(report) == written
    assert list(report["fusions"]) == ["none", "concat", "film", "metablock", "add"]
