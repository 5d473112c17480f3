"""The table of the benchmarks is that of their saved results."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_the_table_is_made_from_the_saved_results():
    spec = importlib.util.spec_from_file_location("table", FOLDER / "table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    written = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert table.results() in written
    assert table.results().count("\n") > 6
