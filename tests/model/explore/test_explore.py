"""The picture of what is in a data folder, and the notebook that tells the same story."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image

from model.__main__ import main
from model.data.dataset import read_folder, read_tables
from model.diagnosis import DIAGNOSES
from model.explore.figures import class_tiles, contact_sheet, pair_tiles, shares_figure
from model.explore.summary import (
    pairs_across_lesions,
    share_by_field,
    summarize_duplicates,
    summarize_tables,
)
from model.patient import AGE

ROOT = Path(__file__).parents[3]
NOTEBOOK = ROOT / "notebooks" / "01_explore.ipynb"


@pytest.fixture(scope="module")
def table():
    """Six images, with every kind of unknown."""
    columns = ["image", "lesion_id", "age_approx", "sex", "anatom_site_general", "diagnosis"]
    rows = [
        ("A", "HAM_1", 10.0, "female", "head/neck", "NV"),
        ("B", "HAM_1", 10.0, "female", "head/neck", "NV"),
        ("C", "BCN_2", 40.0, "male", None, "MEL"),
        ("D", "BCN_3", 85.0, "male", "palms/soles", "MEL"),
        ("E", "E", np.nan, None, None, "NV"),
        ("F", "BCN_4", 39.0, "male", "palms/soles", "UNK"),
    ]
    sources = ["HAM", "HAM", "BCN", "BCN", "MSK", "BCN"]
    return pd.DataFrame(rows, columns=columns).assign(source=sources)


@pytest.fixture(scope="module")
def doubled(toy_folder, tmp_path_factory):
    """The toy folder with one lesion's photograph copied to a lesion of another diagnosis."""
    folder = shutil.copytree(toy_folder, tmp_path_factory.mktemp("explore") / "data")
    images = folder / "images"
    (images / "TOY_1000000.jpg").write_bytes((images / "TOY_0000000.jpg").read_bytes())
    return folder


@pytest.fixture(scope="module")
def report(doubled, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    cache = str(out / "cache")
    command = ["explore", "--data", str(doubled), "--out", str(out / "report"), "--cache", cache]
    assert main(command) == 0
    return out / "report"


def test_the_summary_counts_rows_lesions_ages_and_unknowns(table):
    summary = summarize_tables(table)
    assert (summary["rows"], summary["lesions"]) == (6, 5)
    age = summary["numbers"]["age"]
    assert (age["known"], age["lowest"], age["highest"]) == (5, 10, 85)
    assert age["mean"] == pytest.approx(36.8)
    assert age["sd"] == pytest.approx(30.72, abs=0.01)
    assert summary["diagnoses"]["NV"] == 3
    assert summary["diagnoses"]["UNK"] == 1
    assert summary["diagnoses"]["DF"] == 0
    assert summary["sources"] == {"HAM": 2, "BCN": 3, "MSK": 1}
    expected = {"age": 1, "sex": 1, "site": 2, "lesion": 1}
    assert summary["unknown"] == expected
    assert summary["groups"]["sex"] == {"female": 2, "male": 3, "unknown": 1}


def test_shares_are_of_each_row_and_rows_without_images_are_left_out(table):
    shares = share_by_field(table, AGE)
    assert [name.split("  ")[0] for name in shares.index] == [
        "under 30",
        "30-44",
        "75 and over",
        "unknown",
    ]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    assert shares.loc["under 30  (n = 2)", "NV"] == 1
    cells = [text.get_text() for text in shares_figure(shares).axes[0].texts]
    assert cells.count("100") == 3
    assert cells.count("50") == 2  # of two images, one each
    assert cells.count("") == 4 * 9 - 5


def test_duplicates_are_counted_by_lesion_and_diagnosis(table):
    pairs = np.array([[0, 1, -1], [0, 2, 6], [2, 3, 4]])
    assert summarize_duplicates(table, pairs) == {
        "identical_pairs": 1,
        "near_pairs": 2,
        "pairs_across_lesions": 2,
        "pairs_of_two_diagnoses": 1,
    }
    listed = pairs_across_lesions(table, pairs)
    assert listed["image"].tolist() == ["C", "A"]  # most similar first
    assert listed["diagnosis "].tolist() == ["MEL", "MEL"]


def test_the_page_holds_all_pictures_and_loads_nothing(report):
    html = (report / "index.html").read_text(encoding="utf-8")
    pictures = [*report.glob("*.png"), *report.glob("*.jpg")]
    assert len(list(report.glob("*.png"))) == 9
    assert {f"sheet_{code}.jpg" for code in DIAGNOSES} <= {file.name for file in pictures}
    assert html.count("src=") == html.count('src="data:image/') == len(pictures)
    assert not re.search(r"https?://|<script", html)
    assert html.count("alt=") == len(pictures)


def test_the_page_and_the_summary_give_the_counts(report):
    html = (report / "index.html").read_text(encoding="utf-8")
    summary = json.loads((report / "summary.json").read_text())
    assert "The tables have 96 images of 48 lesions." in html
    assert summary["images"]["images"] == 96
    assert summary["images"]["sizes"] == {"120 x 90": 96}
    assert summary["duplicates"]["pairs_of_two_diagnoses"] >= 1
    row = r"<td>identical</td>\s*<td>TOY_0000000</td>\s*<td>TOY_1000000</td>"
    assert re.search(row, html)


def test_figures_are_large_enough_to_read_and_not_empty(report):
    for file in report.glob("*.png"):
        with Image.open(file) as image:
            assert min(image.size) > 200, file.name
            assert len(image.convert("RGB").getcolors(1_000_000)) > 20, file.name


def test_contact_sheets_show_other_lesions_whole_and_the_same_for_a_seed(doubled):
    table = read_folder(doubled).table
    tiles = class_tiles(table, "MEL", count=4, seed=1)
    assert len({table.set_index("image").loc[tile.lines[0], "lesion_id"] for tile in tiles}) == 4
    assert tiles == class_tiles(table, "MEL", count=4, seed=1)
    assert tiles != class_tiles(table, "MEL", count=4, seed=2)
    sheet = contact_sheet(tiles, across=2)
    assert sheet.width < sheet.height  # two by two, with text below each


def test_contradicting_duplicates_come_first_on_their_sheet(doubled):
    table = read_folder(doubled).table
    position = pd.Series(table.index, table["image"])
    same = [position["TOY_2000000"], position["TOY_2000001"], -1]
    contradiction = [position["TOY_0000000"], position["TOY_1000000"], 9]
    tiles = pair_tiles(table, np.array([same, contradiction]), count=1)
    assert [tile.lines[0] for tile in tiles] == ["TOY_0000000", "TOY_1000000"]


def test_a_folder_without_images_is_explored_by_its_tables(doubled, tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    for file in doubled.glob("*.csv"):
        shutil.copy(file, data)
    assert main(["explore", "--data", str(data), "--out", str(tmp_path / "report")]) == 0
    assert "holds no images" in capsys.readouterr().out
    assert len(list((tmp_path / "report").glob("*.png"))) == 7
    assert not list((tmp_path / "report").glob("sheet*"))


def test_an_empty_folder_is_one_clear_line(tmp_path, capsys):
    assert main(["explore", "--data", str(tmp_path), "--out", str(tmp_path / "report")]) == 1
    assert "GroundTruth.csv" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_the_official_tables_have_the_published_figures(shared_data):
    summary = summarize_tables(read_tables(shared_data))
    assert summary["rows"] == 25_331
    assert summary["numbers"]["age"]["mean"] == pytest.approx(54.03, abs=0.01)
    assert summary["numbers"]["age"]["sd"] == pytest.approx(18.13, abs=0.01)
    published = (4522, 12875, 3323, 867, 2624, 239, 253, 628)
    assert tuple(summary["diagnoses"].values()) == published


@pytest.mark.slow
def test_the_notebook_runs_and_is_committed_without_outputs(doubled, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    shutil.copytree(doubled, tmp_path / "data")
    (tmp_path / "model").symlink_to(ROOT / "model")
    (tmp_path / "isic_api").symlink_to(ROOT / "isic_api")
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 6
    assert not any(out["output_type"] == "error" for out in outputs)
