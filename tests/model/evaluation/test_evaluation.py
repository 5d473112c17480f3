"""The commands calibrate, evaluate, compare and card on an untrained bundle of drawn images."""

import json
from functools import cache
from pathlib import Path

import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.errors import BundleError
from model.evaluation import ood_check
from model.evaluation.card import BEGIN, END
from model.evaluation.ood_check import ood_images
from model.inference.bundle import OOD_FILE, read_manifest
from model.inference.predictor import Predictor
from model.patient import Patient
from tests.fakes.toy_bundle import strip_optional_fields

ROOT = Path(__file__).parents[3]
NOTEBOOK = ROOT / "notebooks" / "03_read_the_results.ipynb"
DOCUMENTATION = ROOT / "docs" / "report.md"


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """Draws the hundreds of images that are no photographs once for all reports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ood_check, "ood_images", cache(ood_images))
        yield


@pytest.fixture(scope="module")
def report_dir(untrained_bundle, toy_folder, tmp_path_factory):
    """The full report, robustness and explanations included."""
    out = tmp_path_factory.mktemp("out") / "report"
    words = [*options("evaluate", toy_folder, untrained_bundle), "--part", "validation"]
    assert main([*words, "--out", str(out)]) == 0
    return out


def options(command, data, bundle):
    cache = ["--cache", str(bundle.parent / "cache")]
    return [command, "--data", str(data), "--bundle", str(bundle), *cache]


def test_a_bundle_keeps_what_was_set_on_validation_images(untrained_bundle):
    manifest = read_manifest(untrained_bundle)
    assert set(manifest.prediction_sets["thresholds"]) == set(manifest.codes)
    assert set(manifest.operating_points) == {"melanoma", "malignant"}
    assert manifest.ood["method"] in manifest.ood["thresholds"]
    assert all(file.stat().st_size < 10_000_000 for file in untrained_bundle.iterdir())


def test_one_of_sixteen_validation_images_is_out_of_distribution(untrained_bundle, toy_folder):
    predictor = Predictor.load(untrained_bundle)
    table = predictor.manifest.split.part("validation", read_folder(toy_folder).table)
    scores = [predictor.study(path).ood_score for path in table["path"]]
    assert sum(score > 1 for score in scores) == 1  # a false-positive rate of 5 %


def test_a_bundle_without_the_optional_fields_still_answers(own_bundle, toy_folder):
    strip_optional_fields(own_bundle)
    (own_bundle / OOD_FILE).unlink()
    study = Predictor.load(own_bundle).study(read_folder(toy_folder).table["path"].iloc[0])
    assert sum(study.probabilities(Patient()).values()) == pytest.approx(1)
    assert study.prediction_set(Patient()) == ()
    assert study.ood_score is None


def test_an_exchanged_detector_is_noticed(own_bundle):
    with (own_bundle / OOD_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=rf"{OOD_FILE} is not the file"):
        Predictor.load(own_bundle)


def test_calibrating_again_changes_nothing_but_empties_the_metrics(own_bundle, toy_folder):
    before = read_manifest(own_bundle)
    assert main(options("calibrate", toy_folder, own_bundle)) == 0
    after = read_manifest(own_bundle)
    assert after.temperature == pytest.approx(before.temperature)
    assert after.prediction_sets == before.prediction_sets
    assert after.metrics == {}


def test_evaluate_writes_the_report_its_page_and_its_pictures(report_dir):
    report = json.loads((report_dir / "report.json").read_text())
    assert next(iter(report)) == "balanced_accuracy"
    assert report["about"]["images"] == 16
    assert len(report["robustness"]["changes"]) == 10
    assert report["explanations"]["on_lesion"] is None
    assert report["unknown"]["kinds"]["white noise"]["mahalanobis"]["auc"] >= 0
    assert set(report["unknown"]["either_notice"]) == set(report["unknown"]["kinds"])
    assert any("No lesion outlines" in note for note in report["notes"])
    page = (report_dir / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "http" not in page  # nothing is loaded from elsewhere
    for name in ("confusion", "roc", "precision_recall", "reliability", "robustness", "mistakes"):
        assert (report_dir / f"{name}.png").stat().st_size > 1_000


def test_the_notebook_reads_the_report(report_dir, monkeypatch):
    monkeypatch.chdir(report_dir.parent)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert len(cells) > 5
    names = {}
    for cell in cells:
        exec(compile(cell, NOTEBOOK.name, "exec"), names)
    assert names["report"]["about"]["images"] == 16
    assert all(not cell.get("outputs") for cell in notebook["cells"])


def test_every_key_of_the_report_is_documented(report_dir):
    report = json.loads((report_dir / "report.json").read_text())
    text = DOCUMENTATION.read_text(encoding="utf-8")
    assert [key for key in report if f"`{key}`" not in text] == []


def test_quick_leaves_out_what_runs_often_and_stored_figures_reach_a_document(
    own_bundle, toy_folder, tmp_path, capsys
):
    arguments = [*options("evaluate", toy_folder, own_bundle), "--quick", "--store"]
    assert main([*arguments, "--out", str(tmp_path / "r")]) == 0
    assert "balanced accuracy" in capsys.readouterr().out
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert "robustness" not in report
    assert "explanations" not in report
    value = read_manifest(own_bundle).metrics["test"]["balanced_accuracy"]["value"]
    document = tmp_path / "card.md"
    document.write_text(f"# Card\n{BEGIN}\n{END}\n")
    assert main(["card", str(document), "--bundle", str(own_bundle)]) == 0
    assert f"| balanced accuracy | {value:.3f} (" in document.read_text()


def test_a_bundle_that_was_never_calibrated_is_one_clear_line(
    own_bundle, toy_folder, tmp_path, capsys
):
    strip_optional_fields(own_bundle)
    arguments = [*options("evaluate", toy_folder, own_bundle), "--out", str(tmp_path / "r")]
    assert main(arguments) == 1
    assert "python -m model calibrate" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_bundle_compared_with_its_copy_differs_in_nothing(
    untrained_bundle, own_bundle, toy_folder, tmp_path, capsys
):
    arguments = ["compare", str(untrained_bundle), str(own_bundle), "--data", str(toy_folder)]
    cache = ["--cache", str(untrained_bundle.parent / "cache")]
    assert main([*arguments, *cache, "--out", str(tmp_path / "c.json")]) == 0
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["differences"][str(own_bundle)]["accuracy"] == {
        "value": 0,
        "low": 0,
        "high": 0,
        "p": 1,
    }
    assert "p = 1.000" in capsys.readouterr().out


def test_one_bundle_alone_cannot_be_compared(untrained_bundle, toy_folder, capsys):
    assert main(["compare", str(untrained_bundle), "--data", str(toy_folder)]) == 1
    assert "two different bundles" in capsys.readouterr().err


def test_a_calibration_may_take_few_of_the_training_images(own_bundle, toy_folder):
    few = options("calibrate", toy_folder, own_bundle)
    assert main([*few, "--images", "5"]) == 0
    predictor = Predictor.load(own_bundle)
    assert len(predictor.cases.isic_ids) == 5
