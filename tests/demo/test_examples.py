"""Examples: where they come from, which are shown, and what their buttons say."""

import csv

import pytest

from demo.examples import (
    Examples,
    drawn_examples,
    examples_of_folder,
    gallery_html,
    mark_misclassified,
    one_without_context,
)
from demo.services import Example
from demo.templates import Templates
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES
from model.errors import DataError, ImageError
from model.image import read_image
from model.inference.bundle import RELEASED, read_manifest
from model.patient import Patient
from tests.drawings import draw_lesion

TEMPLATES = Templates(load_texts())
MANIFEST = read_manifest(RELEASED)
ROW = {"image": "a.jpg", "diagnosis": "MEL", "origin": "ISIC_1, CC-0", "age_approx": "60"}


def example(diagnosis, *, image=b"", origin="somewhere"):
    return Example(image, Patient(age=50.0), diagnosis, origin, real=True)


@pytest.fixture
def folder(tmp_path):
    draw_lesion(0, seed=1).save(tmp_path / "a.jpg")
    return tmp_path


def write(folder, *rows):
    with (folder / "examples.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows(rows)


def test_a_folders_table_gives_its_examples(folder):
    write(folder, ROW)
    (found,) = examples_of_folder(folder, DIAGNOSES)
    assert found == Example(folder / "a.jpg", Patient(age=60.0), "MEL", "ISIC_1, CC-0", real=True)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"image": "b.jpg"}, DataError, r"line 2 \(image b\)"),
        ({"image": "../a.jpg", "diagnosis": "XY"}, DataError, "MEL, NV"),
        ({"image": "examples.csv"}, DataError, r"image examples\.csv"),
        ({"age_approx": "600"}, DataError, "600"),
    ],
)
def test_a_bad_row_of_a_folder_is_named(folder, change, error, said):
    write(folder, ROW | change)
    with pytest.raises(error, match=said):
        examples_of_folder(folder, DIAGNOSES)


def test_a_folder_without_rows_or_table_is_refused(folder):
    with pytest.raises(DataError, match=r"examples\.csv does not exist"):
        examples_of_folder(folder, DIAGNOSES)
    write(folder)
    with pytest.raises(DataError, match="no rows"):
        examples_of_folder(folder, DIAGNOSES)


def test_a_spreadsheets_table_without_suffixes_gives_the_same_examples(folder):
    text = "Image;Diagnosis;Age;origin\r\na;MEL;60,0;M\u00fcnchen\r\n;;;\r\n"
    (folder / "examples.csv").write_bytes(text.encode("cp1252"))
    (found,) = examples_of_folder(folder, DIAGNOSES)
    assert found == Example(folder / "a.jpg", Patient(age=60.0), "MEL", "M\u00fcnchen", real=True)


def test_all_damaged_photographs_of_a_folder_are_named_at_once(folder):
    for name in ("b", "c"):
        (folder / f"{name}.jpg").write_text("x")
    write(folder, ROW, ROW | {"image": "b.jpg"}, ROW | {"image": "c"})
    with pytest.raises(ImageError, match=r"(?s)b\.jpg.*c\.jpg"):
        examples_of_folder(folder, DIAGNOSES)


def test_one_example_is_shown_without_context():
    found = one_without_context([example("MEL"), example("NV"), example("BCC")])
    assert [one.patient == Patient() for one in found] == [False, True, False]


def test_an_example_that_the_network_gets_wrong_is_kept_and_marked():
    four = [example(code) for code in ("MEL", "NV", "BCC", "AK")]
    found = mark_misclassified(
        four, lambda one: "MEL" if one.diagnosis == "AK" else one.diagnosis, count=2
    )
    assert [(one.diagnosis, one.misclassified) for one in found] == [("MEL", False), ("AK", True)]
    found = mark_misclassified(four, lambda one: "MEL", count=2)
    assert [(one.diagnosis, one.misclassified) for one in found] == [("MEL", False), ("NV", True)]
    assert not any(
        one.misclassified for one in mark_misclassified(four, lambda one: one.diagnosis, count=2)
    )
    assert mark_misclassified([], lambda one: "MEL", count=2) == []


def look(examples):
    examples._look()
    return [one.diagnosis for one in examples()]


def test_better_examples_take_the_place_of_the_first():
    assert look(Examples([example("MEL")], better=lambda: [example("NV")])) == ["NV"]
    assert look(Examples([example("MEL")], better=list)) == ["MEL"]


@pytest.mark.parametrize("error", [OSError, ImageError, ValueError, RuntimeError])
def test_a_source_that_fails_leaves_the_first(error):
    def fail():
        raise error("no")

    assert look(Examples([example("MEL")], better=fail)) == ["MEL"]


def test_drawn_examples_are_pictures_in_memory_that_say_what_they_are():
    found = drawn_examples()
    assert all(min(read_image(one.image).size) > 400 for one in found)
    assert Patient() in [one.patient for one in found]
    html = gallery_html(found, MANIFEST, TEMPLATES)
    assert html.count("Illustration: ") == html.count("<button") == len(found)
    assert html.count("no real patient is shown") == 1
    assert html.count("python app.py --examples DIR") == 1


def test_a_button_names_diagnosis_patient_and_a_miss_and_every_origin_is_credited(folder):
    image = folder / "a.jpg"
    right = example("MEL", image=image, origin="<ISIC_1>, CC-0")
    wrong = mark_misclassified(
        [example("NV", image=image, origin="ISIC_2, CC-0")], lambda one: "MEL"
    )
    html = gallery_html([right, *wrong], MANIFEST, TEMPLATES)
    assert "<strong>Melanoma</strong> age 50<" in html
    assert "<strong>Melanocytic nevus</strong> age 50; misclassified<" in html
    assert "<li>&lt;ISIC_1&gt;, CC-0</li><li>ISIC_2, CC-0</li>" in html
    assert "app.py" not in html  # these are real already
    assert gallery_html([], MANIFEST, TEMPLATES) == ""
