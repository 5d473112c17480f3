"""The shell contract of ``python -m model predict`` and the command line as a whole."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from model.__main__ import COMMANDS, main
from model.cli.compare import read_for_all
from model.cli.split import missed_shares
from model.diagnosis import DIAGNOSES
from model.errors import BundleError, DataError
from model.inference.bundle import read_manifest
from model.inference.prediction_table import PredictionTable
from model.tasks import TASKS
from tests.drawings.dicom import dicom, drawn
from tests.fakes.lesions import skin
from tests.fakes.toy_bundle import add_dark_finder


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture
def folder(toy_folder, tmp_path):
    """A few images, one with the challenge's suffix, and their metadata."""
    images = tmp_path / "images"
    images.mkdir()
    for image in sorted((toy_folder / "images").iterdir())[:4]:
        shutil.copy(image, images)
    first = sorted(images.iterdir())[0]
    first.rename(first.with_stem(f"{first.stem}_downsampled"))
    return images


@pytest.fixture
def predict(folder, untrained_bundle, tmp_path):
    def predict(*options):
        out = tmp_path / "predictions.csv"
        status = run("predict", folder, "--out", out, "--bundle", untrained_bundle, *options)
        return status, pd.read_csv(out) if out.exists() else None

    return predict


def metadata(tmp_path, text):
    path = tmp_path / "Metadata.csv"
    path.write_text(text)
    return path


def test_predictions_have_the_official_columns_and_one_row_per_image(predict, folder):
    status, table = predict()
    assert status == 0
    assert table.columns.tolist() == ["image", *DIAGNOSES]
    assert table["image"].tolist() == sorted(path.stem for path in folder.iterdir())
    assert table["image"].str.endswith("_downsampled").sum() == 1
    np.testing.assert_allclose(table[list(DIAGNOSES)].sum(axis=1), 1, atol=1e-6)


def test_context_is_found_by_name_and_what_is_absent_is_unknown(predict, folder, tmp_path):
    names = sorted(path.stem for path in folder.iterdir())
    _, alone = predict()
    rows = f"image,age_approx,anatom_site_general,sex\n{names[2]},80,head/neck,male\nother,1,,\n"
    status, informed = predict("--metadata", metadata(tmp_path, rows))
    assert status == 0
    moved = (alone[list(DIAGNOSES)] - informed[list(DIAGNOSES)]).abs().max(axis=1) > 1e-7
    assert moved.tolist() == [False, False, True, False]


def test_context_is_found_with_or_without_the_name_of_a_reduced_copy(
    predict, folder, tmp_path, capsys
):
    names = sorted(path.stem for path in folder.iterdir())
    assert [name.endswith("_downsampled") for name in names] == [True, False, False, False]
    other = [names[0].removesuffix("_downsampled"), *(f"{name}_downsampled" for name in names[1:])]
    rows = "".join(f"{name},80,head/neck,male\n" for name in other)
    header = "image,age_approx,anatom_site_general,sex\n"
    _, informed = predict("--metadata", metadata(tmp_path, header + rows))
    assert "4 of 4 images have a row" in capsys.readouterr().out
    assert informed["image"].tolist() == names


def test_a_column_that_is_absent_is_unknown(predict, folder, tmp_path):
    names = [path.stem for path in folder.iterdir()]
    path = metadata(tmp_path, "image\n" + "\n".join(names) + "\n")
    assert predict("--metadata", path)[1].equals(predict()[1])


def test_a_metadata_file_that_does_not_exist_is_an_error(predict, tmp_path, capsys):
    status, table = predict("--metadata", tmp_path / "no.csv")
    assert (status, table) == (1, None)
    assert "no.csv does not exist" in capsys.readouterr().err


def test_a_bad_site_names_image_and_rule(predict, folder, tmp_path, capsys):
    path = metadata(tmp_path, "image,anatom_site_general\nA,knee\n")
    assert predict("--metadata", path)[0] == 1
    error = capsys.readouterr().err
    assert "image A" in error
    assert "'knee'" in error
    assert "head/neck" in error


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_of_json_say_the_same_and_more(predict, folder, tmp_path):
    lines = tmp_path / "predictions.jsonl"
    status, table = predict("--json", lines)
    assert status == 0
    rows = lines_of(lines)
    assert [row["image"] for row in rows] == table["image"].tolist()
    found = [[row["probabilities"][code] for code in DIAGNOSES] for row in rows]
    np.testing.assert_allclose(found, table[list(DIAGNOSES)], atol=1e-5)
    # A bundle without a finder sees the whole photograph.
    assert {(row["box"], row["frame"], row["lesions"]) for row in rows} == {(None, None, 0)}


def test_without_anything_to_write_nothing_is_done(folder, capsys):
    assert run("predict", folder) == 1
    assert "nothing to write" in capsys.readouterr().err


def test_photographs_of_one_lesion_are_answered_each_and_together(predict, folder, tmp_path):
    names = sorted(path.stem for path in folder.iterdir())
    rows = "".join(f"{name},L{number // 2}\n" for number, name in enumerate(names[:3]))
    lines = tmp_path / "predictions.jsonl"
    table = metadata(tmp_path, f"image,lesion_id\n{rows}")
    _, found = predict("--metadata", table, "--by-lesion", "--json", lines)
    assert found["image"].tolist() == [*names, "L0"]
    each, together = found[list(DIAGNOSES)].to_numpy()[:2], found[list(DIAGNOSES)].to_numpy()[-1]
    geometric = np.exp(np.log(each).mean(axis=0))
    np.testing.assert_allclose(together, geometric / geometric.sum(), atol=1e-6)
    last = lines_of(lines)[-1]
    assert (last["lesion_id"], last["images"]) == ("L0", names[:2])


def test_photographs_of_one_lesion_have_one_patient(predict, folder, tmp_path, capsys):
    first, second, *_ = sorted(path.stem for path in folder.iterdir())
    path = metadata(tmp_path, f"image,lesion_id,age_approx\n{first},L,40\n{second},L,50\n")
    assert predict("--metadata", path, "--by-lesion")[0] == 1
    assert f"{first} and {second} show one lesion, L, but" in capsys.readouterr().err
    assert predict("--by-lesion")[0] == 1
    assert "needs --metadata" in capsys.readouterr().err


def test_an_unreadable_image_is_named_and_the_others_are_answered(predict, folder, capsys):
    (folder / "broken.jpg").write_bytes(b"no image")
    status, table = predict()
    assert status == 1
    assert len(table) == 4
    assert "broken.jpg" in capsys.readouterr().err


def test_an_interruption_leaves_no_half_table(predict, tmp_path, monkeypatch, capsys):
    out = tmp_path / "predictions.csv"
    out.write_text("of an earlier run\n")
    write, written = PredictionTable.write, []

    def interrupted(*row):
        written.append(write(*row))
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(PredictionTable, "write", interrupted)
    assert predict()[0] == 130
    assert out.read_text() == "of an earlier run\n"
    assert list(tmp_path.glob("predictions*")) == [out]
    assert "run the same command again; a training or search resumes" in capsys.readouterr().err


def test_what_is_no_file_is_not_written_over(folder, tmp_path, capsys):
    assert run("predict", folder, "--out", tmp_path) == 1
    assert f"{tmp_path} is not a file. Give --out" in capsys.readouterr().err


def test_a_folder_without_images_or_bundle_is_a_clear_error(tmp_path, folder, capsys):
    (tmp_path / "empty").mkdir()
    assert run("predict", tmp_path / "empty", "--out", tmp_path / "p.csv") == 1
    assert "holds no image" in capsys.readouterr().err
    out = tmp_path / "p.csv"
    assert run("predict", folder, "--out", out, "--bundle", tmp_path / "nowhere") == 1
    assert "bundle.json" in capsys.readouterr().err


def test_an_unknown_command_lists_the_known_ones(capsys):
    assert run("preditc") == 2
    error = capsys.readouterr().err
    assert all(command in error for command in COMMANDS)


@pytest.mark.parametrize("command", ["train", "evaluate", "explore", "distill"])
def test_a_file_in_place_of_a_folder_is_refused_before_the_work(command, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(SystemExit):
        run(command, "--data", tmp_path, "--out", taken)
    assert f"{taken} is a file. Give the name of a folder" in capsys.readouterr().err


def test_the_folder_of_an_unfinished_training_is_no_damaged_bundle(tmp_path):
    for name in ("config.json", "split.json"):
        (tmp_path / name).write_text("{}")
    for folder in (tmp_path, tmp_path / "bundle"):
        with pytest.raises(BundleError, match=r"not finished.*resumes"):
            read_manifest(folder)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    with pytest.raises(BundleError, match=f"Give {tmp_path / 'bundle'}"):
        read_manifest(tmp_path)


def test_bundles_of_different_tasks_are_not_compared():
    manifests = [SimpleNamespace(task=TASKS[name]) for name in ("isic2019", "ham10000")]
    with pytest.raises(DataError, match="different tasks"):
        read_for_all(manifests, Path("no folder is read"))


def test_shares_that_whole_lesions_cannot_give_are_said():
    assert missed_shares("70/15/15", (700, 149, 151)) == ""
    assert "98/1/1 per cent of the images, the parts have 67/17/17" in missed_shares(
        "98/1/1", (64, 16, 16)
    )


def test_a_dicom_file_brings_its_context_where_the_table_says_nothing(
    predict, folder, tmp_path, capsys
):
    names = sorted(path.stem for path in folder.iterdir())
    file = dicom(drawn(), region="43067004", PatientAge="061Y", PatientSex="F")
    (folder / f"{names[0]}.jpg").unlink()
    (folder / names[0]).write_bytes(file)
    lines = tmp_path / "predictions.jsonl"
    table = metadata(tmp_path, f"image,sex\n{names[0]},male\n{names[1]},male\n")
    assert predict("--metadata", table, "--json", lines)[0] == 0
    assert "1 images have context from their own DICOM files" in capsys.readouterr().out
    _, found = predict("--metadata", table)
    encoded = [json.loads(line) for line in lines.read_text().splitlines()]
    by_hand = f"image,age_approx,sex,anatom_site_general\n{names[0]},61,male,head/neck\n"
    _, expected = predict("--metadata", metadata(tmp_path, by_hand))
    np.testing.assert_array_equal(found.iloc[0, 1:], expected.iloc[0, 1:])
    assert encoded[0]["image"] == names[0]


def test_boxes_of_the_table_are_looked_at_in_place_of_what_is_found(own_bundle, tmp_path, capsys):
    images, lines = tmp_path / "images", tmp_path / "p.jsonl"
    images.mkdir()
    for name in ("A", "B", "C"):
        skin((40, 60, 110, 130), (190, 70, 250, 130)).save(images / f"{name}.png")
    table = metadata(tmp_path, 'image,box\nB,"[190, 70, 250, 130]"\nC,"400,10,500,50"\n')
    words = ["predict", images, "--bundle", add_dark_finder(own_bundle), "--metadata", table]
    assert run(*words, "--json", lines, "--out", tmp_path / "p.csv") == 1
    first, second = lines_of(lines)
    assert first["box"] == pytest.approx((40, 60, 110, 130), abs=6)
    assert (second["box"], second["lesions"]) == ([190, 70, 250, 130], 1)
    assert second["frame"] == [184, 64, 256, 136]
    assert "error: C: the box" in capsys.readouterr().err
    assert run(*words, "--out", tmp_path / "alone.csv") == 1  # without studies, many at a time
    alone, both = (pd.read_csv(tmp_path / name) for name in ("alone.csv", "p.csv"))
    np.testing.assert_allclose(alone.iloc[:, 1:], both.iloc[:, 1:], atol=1e-5)
    assert not np.allclose(both.iloc[0, 1:].tolist(), both.iloc[1, 1:].tolist(), atol=1e-6)


def test_a_box_that_is_none_is_named_by_its_row(predict, folder, tmp_path, capsys):
    name = min(path.stem for path in folder.iterdir())
    for cell, why in (("1,2,3", "is not four numbers"), ("9,9,5,20", "has no area")):
        path = metadata(tmp_path, f'image,box\n{name},"{cell}"\n')
        assert predict("--metadata", path) == (1, None)
        error = capsys.readouterr().err
        assert f"Metadata.csv, line 2 (image {name}): " in error
        assert why in error
