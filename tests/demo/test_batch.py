"""Many photographs at once: what is taken from files and zips, and what comes out."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from zipfile import ZipFile

import gradio as gr
import pytest
from PIL import Image

from demo.batch import Answered, BatchResult, collect, patients_of, predict_all, to_csv
from demo.tabs.batch import predict_uploads, result_frame, summary_html
from demo.templates import Templates
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES
from model.errors import DataError, ImageError
from model.inference.bundle import RELEASED, read_manifest
from model.patient import FIELDS, Patient
from tests.demo.pages import services
from tests.drawings import draw_lesion
from tests.drawings.dicom import dicom, drawn
from tests.fakes.lesions import framed, framing_manifest, skin
from tests.fakes.study import made_up


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "ISIC_0000001.jpg"
    draw_lesion(0, seed=1).save(path)
    return path


def pack(folder, members):
    path = folder / "many.zip"
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_photographs_inside_a_zip_are_found_and_nothing_else_is(tmp_path, photograph):
    content = photograph.read_bytes()
    members = {
        "folder/A.jpg": content,
        "../../B.png": content,
        "notes.txt": b"x",
        "__MACOSX/._A.jpg": b"x",
        ".hidden.jpg": b"x",
        "inner.zip": b"x",
    }
    found = collect([photograph, pack(tmp_path, members)])
    read = [item.name for item in found if not isinstance(item.content, ImageError)]
    assert read == ["ISIC_0000001", "A", "B"]
    assert [item.name for item in found][3:] == ["notes.txt", "inner.zip"]  # named, not hidden ones
    assert sorted(path.name for path in tmp_path.parent.glob("B.png")) == []


def test_a_damaged_zip_is_refused_by_name(tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK no zip")
    with pytest.raises(ImageError, match=r"bad\.zip"):
        collect([bad])


def test_more_than_a_thousand_photographs_are_refused(tmp_path):
    with pytest.raises(ImageError, match="1,000"):
        collect([Path(f"{n}.jpg") for n in range(1001)])


def test_a_member_that_says_it_is_too_large_is_not_unpacked(tmp_path, monkeypatch):
    packed = pack(tmp_path, {"A.jpg": b"x" * 11})
    monkeypatch.setattr("demo.batch.MOST_BYTES", 10)
    monkeypatch.setattr(ZipFile, "open", None)
    (found,) = collect([packed])
    assert "larger than" in str(found.content)


def test_a_member_that_is_too_large_is_refused_alone(tmp_path, photograph, monkeypatch):
    monkeypatch.setattr("demo.batch.MOST_BYTES", len(photograph.read_bytes()))
    archive = pack(tmp_path, {"A.jpg": photograph.read_bytes(), "B.jpg": b"\0" * 10**6})
    result = predict_all(collect([archive]), [Patient()] * 2, made_up)
    assert list(result.rows) == ["A"]
    assert result.refused[0][0] == "B"


def test_an_unreadable_file_is_listed_and_stops_nothing(tmp_path, photograph):
    bad = tmp_path / "bad.jpg"
    bad.write_text("x")
    result = predict_all(collect([bad, photograph]), [Patient()] * 2, made_up)
    assert list(result.rows) == ["ISIC_0000001"]
    assert "cannot be read" in dict(result.refused)["bad"]


def test_context_is_found_by_name(tmp_path):
    table = tmp_path / "m.csv"
    table.write_text("image,age_approx,sex\nA,60,male\nC,,\n")
    patients, notes = patients_of(table, ["A", "B"], FIELDS)
    assert patients == [Patient(age=60.0, sex="male"), Patient()]
    assert notes[0].startswith("1 of 2 images have a row")
    table.write_bytes(b"image,age_approx\nA,\xe4\n")
    with pytest.raises(DataError, match=r"^m\.csv, line 2 .*'\u00e4'"):  # without its place
        patients_of(table, ["A"], FIELDS)
    table.write_text("image,age_approx\nA,600\n")
    with pytest.raises(DataError, match="600"):
        patients_of(table, ["A"], FIELDS)


def test_beside_a_prediction_stand_its_warnings_and_how_many_had_context(photograph):
    def doubtful(content, *, box):
        study = made_up(content)
        study.quality, study.ood_score = ("dark",), 2.0
        return study

    result = predict_all(collect([photograph]), [Patient(age=60.0)], doubtful)
    assert result.rows["ISIC_0000001"].warnings == ("unlike", "dark")
    assert result.with_context == 1
    sound = predict_all(collect([photograph]), [Patient()], made_up)
    assert sound.rows["ISIC_0000001"].warnings == ()
    assert sound.with_context == 0


def answered(*warnings, **context):
    row = dict.fromkeys(DIAGNOSES, 0.125)
    return Answered(row, Patient(**context), warnings, Image.new("RGB", (40, 30)))


def test_the_csv_is_the_challenges_and_no_cell_is_a_formula():
    row = dict.fromkeys(DIAGNOSES, 0.125)
    text = to_csv({"=1+1": row, "ISIC_0000001_downsampled": row}, DIAGNOSES)
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["image", *DIAGNOSES]
    assert [line[0] for line in rows[1:]] == ["\t=1+1", "ISIC_0000001_downsampled"]
    assert sum(map(float, rows[1][1:])) == 1


def test_one_of_the_saved_tables_holds_the_warnings():
    templates = Templates(load_texts())
    rows = {"=1+1": answered("dark", "unlike"), "B": answered(age=60.0)}
    manifest = read_manifest(RELEASED)
    frame = result_frame(BatchResult(rows), manifest, templates.texts)
    _, saved = re.findall(
        r"data:text/csv;base64,([^\"]+)",
        summary_html(BatchResult(rows), manifest.codes, frame, templates),
    )
    rows = list(csv.reader(io.StringIO(base64.b64decode(saved).decode())))
    assert [row[:5] for row in rows[1:]] == [
        [
            "\t=1+1",
            "Melanoma",
            "0.375",
            "no patient context",
            "too dark, unlike the training images",
        ],
        ["B", "Melanoma", "0.375", "age 60", ""],
    ]


def test_a_name_that_came_twice_is_answered_once(photograph):
    items = collect([photograph, photograph])
    result: BatchResult = predict_all(items, [Patient()] * 2, made_up)
    assert len(result.rows) == len(result.refused) == 1


def test_dicom_files_bring_their_own_context_where_the_table_has_none(tmp_path):
    for name, age in (("A", "060Y"), ("B", "020Y")):
        (tmp_path / f"{name}.dcm").write_bytes(dicom(drawn(), PatientAge=age))
    table = tmp_path / "m.csv"
    table.write_text("image,age_approx\nB,80\n")
    files = [str(tmp_path / name) for name in ("A.dcm", "B.dcm")]
    given = {"texts": load_texts(), "progress": iter}
    result = predict_uploads(files, str(table), services(), **given)
    assert {name: row.probabilities["MEL"] for name, row in result.rows.items()} == {
        "A": 0.3,
        "B": 0.4,
    }


def test_boxes_of_a_table_are_framed_and_come_back(tmp_path):
    for name in ("A", "B", "C", "D"):
        skin((40, 60, 110, 130), (190, 70, 250, 130)).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in ("A", "B", "C", "D")]
    table = tmp_path / "m.csv"
    table.write_text('image,box\nA,\nB,"190,70,250,130"\nD,"400,10,500,50"\n')
    manifest = framing_manifest()
    on = services(framed, manifest=manifest)
    templates = Templates(load_texts())
    given = {"texts": templates.texts, "progress": iter}
    result = predict_uploads(files, str(table), on, **given)
    ((refused, why),) = result.refused
    assert refused == "D"
    assert "outside the photograph" in why
    assert not any("nothing reads" in note for note in result.notes)
    frame = result_frame(result, manifest, templates.texts)
    shown = dict(zip(frame["image"], frame["box"], strict=True))
    assert shown["B"] == "190.0,70.0,250.0,130.0"
    assert shown["A"] == shown["C"] != shown["B"]
    assert frame["frame"].str.count(",").tolist() == [3, 3, 3]
    html = summary_html(result, manifest.codes, frame, templates)
    saved = re.search(r"application/jsonl;base64,([^\"]+)", html)[1]
    lines = [json.loads(line) for line in base64.b64decode(saved).decode().splitlines()]
    assert [line["image"] for line in lines] == ["A", "B", "C"]
    assert lines[1]["box"] == [190, 70, 250, 130]
    assert lines[1]["probabilities"]["MEL"] > lines[0]["probabilities"]["MEL"] + 0.2
    # The table that was saved gives the same boxes again.
    frame.to_csv(tmp_path / "saved.csv", index=False)
    again = predict_uploads(files[:3], str(tmp_path / "saved.csv"), on, **given)
    assert again.rows["C"].record["box"] == result.rows["C"].record["box"]
    table.write_text("image,x0,y0,x1,y1\nA,10,10,5,50\n")
    with pytest.raises(gr.Error, match=r"m\.csv, line 2 \(image A\): the box .* has no area"):
        predict_uploads(files, str(table), on, **given)
