"""The tray's own rules, and what the commands read of its export."""

import csv
import os
from io import BytesIO, StringIO
from zipfile import ZipFile

import gradio as gr
import pytest
from PIL import Image

from demo.access import KEPT_SECONDS
from demo.cases import (
    FOLDER,
    MOST_CASES,
    MOST_LETTERS,
    Marks,
    Tray,
    confirmable,
    export,
    points,
    together,
)
from demo.tabs.cases import Cases
from demo.templates import Templates
from demo.texts import load_texts
from model.__main__ import main
from model.data.dataset import read_folder
from model.data.duplicates import groups_of
from model.diagnosis import DIAGNOSIS_NAMES
from model.inference.bundle import RELEASED, read_manifest
from model.patient import FIELDS, Patient
from tests.demo.pages import asking, services
from tests.drawings import draw_lesion
from tests.fakes.study import FakeStudy

ARTIST = 0x013B


@pytest.fixture
def uploads(tmp_path):
    """Photographs as they lie in a session's cache, under names that say too much."""
    paths = []
    for seed in range(4):
        path = tmp_path / "cache" / str(seed) / "Jane Doe 1950.jpg"
        path.parent.mkdir(parents=True)
        exif = Image.Exif()
        exif[ARTIST] = "Jane Doe"
        draw_lesion(seed, seed=seed).save(path, exif=exif)
        paths.append(path)
    return paths


def add(tray, upload, **known):
    with Image.open(upload) as image:
        return tray.add(upload, FakeStudy(image.convert("RGB")), Patient(**known))


@pytest.fixture
def tray(uploads):
    """Four cases: two photographs of a lesion, a further lesion of that patient, and another."""
    tray = Tray(session="s")
    for upload, age in zip(uploads, (40.0, 80.0, 60.0, None), strict=True):
        tray = add(tray, upload, age=age)
    tray = tray.mark(1, Marks("before", "NV", lesion="1", patient="A", note="=1+1"))
    tray = tray.mark(2, Marks("after", "MEL", lesion="1"))
    return tray.mark(3, Marks(diagnosis="NV", lesion="2", patient="A"))


@pytest.fixture
def folder(tray, tmp_path):
    """The export, unpacked."""
    with ZipFile(BytesIO(export(tray, FIELDS, DIAGNOSIS_NAMES))) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked" / FOLDER


@pytest.fixture(scope="module")
def tab():
    with gr.Blocks():
        return Cases(services(), Templates(load_texts()))


def test_a_case_expires_with_its_upload(uploads):
    tray = add(Tray(), uploads[0]).choose(1)
    uploaded = uploads[0].stat().st_ctime
    assert tray.cases[0].expires == uploaded + KEPT_SECONDS
    assert tray.current(uploaded + KEPT_SECONDS - 1) == tray
    expired = tray.current(uploaded + KEPT_SECONDS)
    assert expired.cases == ()
    assert expired.chosen == ()
    os.remove(uploads[0])  # by Gradio, which looks for old files now and then
    assert tray.current(uploaded).cases == ()


def test_a_number_is_never_given_twice(uploads):
    tray = add(add(Tray(), uploads[0]), uploads[1]).remove(2)
    assert [case.number for case in add(tray, uploads[2]).cases] == [1, 3]


def test_images_of_two_sessions_have_different_names(uploads):
    first, second = (add(add(Tray(), uploads[0]), uploads[1]) for _ in range(2))
    assert len({case.image for case in (*first.cases, *second.cases)}) == 4


def test_a_tray_is_full_at_its_limit(uploads):
    tray = Tray()
    for age in range(MOST_CASES):
        assert not tray.is_full
        tray = add(tray, uploads[0], age=float(age))
    assert tray.is_full


def test_the_same_photograph_with_other_context_is_another_case(uploads):
    tray = add(Tray(), uploads[0], age=40.0)
    assert tray.holds(uploads[0], Patient(age=40.0))
    assert not tray.holds(uploads[0], Patient(age=41.0))


def test_at_most_two_are_looked_at_and_the_last_chosen_is_edited(tray):
    assert tray.edited is None
    tray = tray.choose(3).choose(1).choose(2)
    assert [case.number for case in tray.open_cases] == [1, 2]
    assert tray.edited.number == 2
    tray = tray.choose(2)
    assert tray.edited.number == 1
    assert tray.choose(99) == tray
    assert tray.remove(1).edited is None


def test_what_is_entered_is_trimmed_and_a_diagnosis_must_be_one():
    marks = Marks.parse(DIAGNOSIS_NAMES, label=" left\n arm ", diagnosis="XYZ", note=None)
    assert marks == Marks("left arm")
    assert len(Marks.parse({}, note="x" * 999).note) == MOST_LETTERS
    assert Marks.parse(DIAGNOSIS_NAMES, diagnosis="MEL").diagnosis == "MEL"


def test_photographs_of_a_lesion_are_answered_together_between_their_own_answers(tray):
    of_lesion = tray.of_lesion("1")
    assert [case.number for case in of_lesion] == [1, 2]
    found = together(of_lesion)
    assert sum(found.values()) == pytest.approx(1)
    first, second = (case.probabilities["MEL"] for case in of_lesion)
    assert first < found["MEL"] < second
    assert tray.of_lesion("") == []


def test_two_answers_differ_by_what_is_shown_of_them(tray):
    differences = points(tray.cases[0], tray.cases[1])
    assert differences["MEL"] == pytest.approx(20)
    assert sum(differences.values()) == pytest.approx(0)


def test_two_patients_of_one_lesion_are_noticed(tray):
    assert tray.patients_of("1") == ["A"]
    assert tray.patient_of(tray.cases[1]) == "A"  # stated on the other photograph only
    assert tray.mark(2, Marks(lesion="1", patient="B")).patients_of("1") == ["A", "B"]


@pytest.mark.parametrize(
    ("classes", "task", "expected"),
    [
        ({"OTHER": "Not a melanoma", "MEL": "Melanoma"}, "melanoma", DIAGNOSIS_NAMES),
        ({"BENIGN": "Benign", "MALIGNANT": "Malignant"}, "malignant", None),
        ({"A": "Wart", "B": "Cyst"}, "custom", None),
    ],
)
def test_only_what_a_ground_truth_can_hold_may_be_confirmed(classes, task, expected):
    assert confirmable(asking(task, classes).manifest) == (expected or classes)


def test_the_export_is_a_data_folder_whose_marks_are_lesions_and_patients(folder):
    dataset = read_folder(folder)
    table = dataset.table.set_index("image")
    assert table["diagnosis"].to_dict() == {
        "case-s-01": "NV",
        "case-s-02": "MEL",
        "case-s-03": "NV",
    }
    assert dataset.without_label == 1
    assert table["lesion_id"].tolist() == ["lesion-1", "lesion-1", "lesion-2"]
    assert set(table["patient_id"]) == {"patient-A"}
    assert table["age_approx"].tolist() == [40, 80, 60]
    assert set(table["source"]) == {"other"}
    assert len(set(groups_of(dataset.table))) == 1  # one patient: nothing leaks between parts


def test_an_export_tells_nothing_of_names_places_and_cameras(folder, tmp_path):
    for path in folder.rglob("*.jpg"):
        with Image.open(path) as image:
            assert not image.getexif()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 7
    for file in files:
        content = file.read_bytes()
        assert b"Doe" not in content
        assert str(tmp_path).encode() not in content


def test_what_is_entered_is_kept_beside_the_answers_and_is_no_formula(folder):
    first = next(csv.DictReader(StringIO((folder / "cases.csv").read_text())))
    assert first["label"] == "before"
    assert first["note"] == "\t=1+1"
    assert float(first["MEL"]) == pytest.approx(0.2)


def test_labels_of_ones_own_are_read_as_a_custom_task(uploads, tmp_path):
    tray = add(add(Tray(), uploads[0]), uploads[1])
    tray = tray.mark(1, Marks(diagnosis="wart")).mark(2, Marks(diagnosis="cyst"))
    names = dict.fromkeys(("wart", "cyst", "mole"), "")  # no case is a mole
    with ZipFile(BytesIO(export(tray, FIELDS, names))) as archive:
        archive.extractall(tmp_path / "own")
    table = read_folder(tmp_path / "own" / FOLDER, task="custom").table
    assert table["diagnosis"].tolist() == ["wart", "cyst"]
    assert table["lesion_id"].tolist() == [case.image for case in tray.cases]


@pytest.mark.slow
def test_evaluate_measures_a_network_on_the_export(folder, untrained_bundle, tmp_path, capsys):
    command = ["evaluate", "--data", folder, "--part", "all", "--out", tmp_path / "report"]
    options = ["--bundle", untrained_bundle, "--cache", tmp_path / "cache", "--quick"]
    assert main([str(word) for word in (*command, *options)]) == 0
    assert "1 files have no label" in capsys.readouterr().err
    assert (tmp_path / "report" / "report.json").is_file()


def test_the_released_network_confirms_its_eight_classes():
    manifest = read_manifest(RELEASED)
    assert confirmable(manifest) == manifest.classes


def test_a_case_says_what_may_mislead_there(tab, uploads):
    with Image.open(uploads[0]) as image:
        study = FakeStudy(image.convert("RGB"), quality=("blurred",), ood_score=2.0)
    tray = Tray().add(uploads[0], study, Patient())
    assert tray.cases[0].warnings == ("unlike", "blurred")
    page = tab.tray_html(tray)
    assert "may be misleading: unlike the training images, blurred" in page


def test_what_is_entered_is_shown_as_text(tab, tray):
    tray = tray.mark(4, Marks("<b>left</b>", note="<script>"))
    page = tab.tray_html(tray)
    assert "&lt;b&gt;left" in page
    assert "<script>" not in page
