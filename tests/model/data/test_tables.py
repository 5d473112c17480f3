"""The one reader of tables, whatever spreadsheet wrote them."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.context import find_context, read_metadata
from model.data.tables import image_name, image_names, match_names, read_csv
from model.errors import DataError
from model.patient import Patient

PLAIN = "image,age_approx,anatom_site_general,lesion_id,sex\na,45.0,anterior torso,L1,male\n"
READ = {
    "image": "a",
    "lesion_id": "L1",
    "age_approx": 45.0,
    "sex": "male",
    "anatom_site_general": "anterior torso",
}
DECIMAL_COMMA = PLAIN.replace(",", ";").replace("45.0", "45,0")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace(",", "\t").encode(),
        DECIMAL_COMMA.encode(),
        ("sep=;\n" + DECIMAL_COMMA).encode(),
        PLAIN.replace("45.0", '"45,0"').encode(),
        PLAIN.replace("image,", " Image ,").replace("a,45", "images\\a.JPG ,45").encode(),
        PLAIN.replace("L1", " L1 ").encode(),
        PLAIN.replace("\n", ",\n").encode() + b",,,,,\n\n",
        PLAIN.replace("age_approx", "Age").replace("anatom_site_general", "Localization").encode(),
        PLAIN.replace("sex", "Gender").replace("male", "M").encode(),
        b",image,age,site,lesion,sex\n0,a,45,Anterior_torso,L1,Male\n",
    ],
)
def test_tables_of_spreadsheets_are_read_as_they_are(tmp_path, content):
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    assert read_metadata(path).to_dict("records") == [READ]


def test_letters_of_cp1252_are_kept(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(PLAIN.replace("L1", "L\u00e4sion").encode("cp1252"))
    assert read_metadata(path)["lesion_id"].tolist() == ["L\u00e4sion"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "xlsx.* CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0", "old spreadsheet"),
        (b"image,sex\na,\x81\n", "line 2: its encoding"),
        (b"image,sex\na,male,more\n", "line 2.*without a heading"),
        (b"image,sex\na,male,more,still\n", "not a CSV table"),
        (b"image,age,Age\na,1,2\n", "2 times"),
        (b"image,sex\na,male\na.jpg,male\n", "more than once"),
        (b"", "empty"),
        (b"image,sex\n\n\na,boy\n", "line 4"),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_remedy(tmp_path, content, said):
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"m.csv.*{said}"):
        read_metadata(path)


def test_names_are_one_however_they_are_written():
    for written in (" a.jpg", "a ", "./a", "a.JPEG", "a.jpg.jpg", "a.heic"):
        assert image_name(written) == "a"
    assert image_name("e\u0301") == "\u00e9"
    assert image_names(["x/a.jpg", "y\\b"]) == ["a", "b"]
    assert image_names(["x/a", "y/a"]) == ["x/a", "y/a"]


def test_names_match_by_folder_and_copy_and_never_by_guess():
    assert match_names(["a", "b_downsampled", "c"], ["in/a.jpg", "b", "d"]) == [0, 1, -1]
    assert match_names(["12"], ["a/12", "b/12"]) == [-1]
    assert match_names(["a/12", "b/12"], ["a/12.jpg"]) == [0, -1]
    assert match_names(["b", "b_downsampled"], ["b_downsampled", "b"]) == [1, 0]


def test_a_join_says_what_matched_and_what_nothing_reads(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("Image,Age,shoe\na.jpg,60,43\nz,50,44\n")
    patients, notes = find_context(path, ["a", "b"])
    assert patients == [Patient(age=60.0), None]
    said = " ".join(notes)
    assert "1 of 2 images have a row" in said
    assert "unused columns: shoe" in said
    assert "1 rows of m.csv match no image in this folder" in said


@pytest.mark.parametrize("content", ["image,age\nz,50\n", "image,shoe\na,43\n"])
def test_context_that_reaches_no_image_is_an_error(tmp_path, content):
    path = tmp_path / "m.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"no row|no column"):
        find_context(path, ["a"])


CELLS = st.text(st.sampled_from(list("ab1,;\t\"' .\u00e4\n\r\0")), max_size=4)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=4)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from(",;\t"), st.sampled_from(["utf-8", "cp1252", "utf-16"]))
def test_any_table_gives_its_rows_or_names_itself(rows, separator, encoding):
    text = "\n".join(separator.join(row) for row in [["image", "sex"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        path.write_bytes(text.encode(encoding))
        try:
            table = read_csv(path, ("image",))
        except DataError as error:
            table, refusal = None, str(error)
    if table is None:
        assert "m.csv" in refusal
        return
    assert table["image"].is_unique
    if not set('"\r\n') & set("".join(map("".join, rows))):
        filled = [row for row in rows if separator.join(row).strip(f" {separator}")]
        one_cell = not any(mark in cell for row in rows for cell in row for mark in ",;\t")
        assert not one_cell or len(table) == len(filled)


def test_a_name_that_is_no_number_stays_text(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("image,age\n0012,3\n")
    table = read_metadata(path)
    assert table["image"].tolist() == ["0012"]
    assert np.array_equal(table["age_approx"], [3.0])
