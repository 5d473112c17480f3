import json
from dataclasses import replace

import numpy as np
import pytest

from model.diagnosis import DIAGNOSES
from model.errors import BundleError
from model.evaluation.card import compact, metrics_markdown
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.rendering import report_text
from model.inference.bundle import Manifest
from model.inference.calibration import fit_operating_points
from model.tasks import TASKS, custom_task
from tests.fakes.outcomes import COUNT, DRAWS, LABELS, manifest, noisy, table


def report_of(probabilities, labels=LABELS):
    outcome = outcome_of(table(labels), probabilities, manifest(probabilities, labels), draws=DRAWS)
    return evaluate(outcome)


def figures(value):
    """All intervals in a report."""
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from figures(part)


def test_a_perfect_predictor_gets_a_perfect_report():
    report = report_of(np.eye(8)[LABELS])
    for name in ("balanced_accuracy", "accuracy", "macro_auc", "melanoma_auc", "coverage"):
        assert report[name] == {"value": 1, "low": 1, "high": 1}
    assert report["ece"]["value"] == 0
    assert report["set_size"]["value"] == 1
    assert report["confusion"]["counts"] == np.diag([50] * 8).tolist()
    assert report["challenge"]["overall"] == 1
    assert all(row["f1"]["value"] == 1 for row in report["per_class"].values())
    point = report["sensitivity"]["melanoma"]["at_90_specificity"]
    assert (point["value"], point["specificity"]["value"]) == (1, 1)


def test_a_constant_predictor_gets_the_report_of_a_coin():
    report = report_of(np.tile(np.array([0.3] + [0.1] * 7), (COUNT, 1)))
    assert report["balanced_accuracy"]["value"] == pytest.approx(1 / 8)
    assert report["macro_auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert report["per_class"]["MEL"]["recall"]["value"] == 1
    assert report["per_class"]["NV"]["recall"]["value"] == 0
    assert report["per_class"]["NV"]["precision"]["value"] is None
    assert report["per_class"]["NV"]["f1"]["value"] == 0
    assert report["ece"]["value"] == pytest.approx(0.3 - 1 / 8)
    assert report["coverage"]["value"] == 1
    assert report["challenge"]["overall"] == pytest.approx(1 / 8)


def test_balanced_accuracy_comes_first_and_the_report_is_plain_json():
    report = report_of(noisy())
    assert next(iter(report)) == "balanced_accuracy"
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for name in ("ece", "coverage", "subgroups", "sensitivity"):
        assert report[name]


def test_every_interval_holds_its_figure():
    found = list(figures(report_of(noisy())))
    assert len(found) > 200
    for figure in found:
        if figure["value"] is not None:
            assert figure["low"] - 1e-6 <= figure["value"] <= figure["high"] + 1e-6


def test_a_class_without_an_image_is_reported_as_not_known():
    labels = np.where(LABELS == 5, 1, LABELS)
    report = report_of(noisy(), labels)
    row = report["per_class"]["DF"]
    assert (row["support"], row["recall"]["value"], row["auc"]["value"]) == (0, None, None)
    assert report["prediction_sets"]["coverage_by_class"]["DF"]["value"] is None
    assert report["balanced_accuracy"]["value"] is not None


def test_a_bundle_without_validation_melanomas_has_no_melanoma_point():
    probabilities = noisy()
    bare = manifest(probabilities, LABELS, operating_points={})
    report = evaluate(outcome_of(table(), probabilities, bare, draws=DRAWS))
    assert report["melanoma_sensitivity"]["value"] is None
    assert report["balanced_accuracy"]["value"] is not None


def test_a_bundle_that_was_never_calibrated_is_refused_with_the_next_step():
    probabilities = noisy()
    bare = manifest(probabilities, LABELS, prediction_sets={})
    with pytest.raises(BundleError, match="python -m model calibrate"):
        outcome_of(table(), probabilities, bare, draws=DRAWS)


def test_calibration_before_undoes_the_temperature():
    probabilities = noisy()
    warm = manifest(probabilities, LABELS, temperature=2.0)
    report = evaluate(outcome_of(table(), probabilities, warm, draws=DRAWS))
    assert report["calibration"]["temperature"] == 2.0
    before, after = (report["calibration"][when]["bins"] for when in ("before", "after"))
    assert before[-1]["confidence"] > after[-1]["confidence"]


def test_the_text_names_every_class_and_source(tmp_path):
    outcome = outcome_of(table(), noisy(), manifest(noisy(), LABELS), draws=DRAWS)
    report = evaluate(outcome) | {"about": describe(outcome, bundle=tmp_path, part="test")}
    text = report_text(report)
    for word in (*DIAGNOSES, "HAM", "BCN", "balanced accuracy", "400 images of 200 lesions"):
        assert word in text


@pytest.mark.parametrize("malignant", [None, ["wart"]])
def test_a_task_without_melanoma_is_judged_by_what_it_has(malignant, tmp_path):
    labels = np.arange(COUNT) % 2
    rows = np.stack([1 - 0.8 * labels, 0.8 * labels], axis=1)
    task = custom_task({"mole": "Mole", "wart": "Wart"}, malignant=malignant)
    bundle = replace(
        manifest(noisy(), LABELS),
        classes=task.classes,
        training={"task": "custom"},
        malignant=malignant,
        operating_points=fit_operating_points(rows, labels, task),
        prediction_sets={"coverage": 0.9, "thresholds": {"mole": 1.0, "wart": 1.0}},
    )
    custom = table(labels).assign(diagnosis=[list(task.classes)[n] for n in labels])
    outcome = outcome_of(custom, rows, bundle, draws=DRAWS)
    report = evaluate(outcome) | {"about": describe(outcome, bundle=tmp_path, part="all")}
    assert not [key for key in report if "melanoma" in key]
    assert set(report["operating_points"]) == ({"malignant"} if malignant else set())
    assert report["accuracy"]["value"] == 1
    assert report["per_class"]["wart"]["lesions"] == 200
    assert ("malignant or not" in report_text(report)) is bool(malignant)
    assert "| wart | 200 |" in metrics_markdown(replace(bundle, metrics={"test": compact(report)}))


def test_what_is_malignant_travels_with_the_bundle_and_an_older_one_has_the_tables():
    stated = {"malignant": ["wart"], "precursors": ["mole"]}
    custom = replace(
        manifest(noisy(), LABELS),
        classes={"mole": "Mole", "wart": "Wart"},
        training={"task": "custom"},
        **stated,
    )
    again = Manifest.from_dict(json.loads(json.dumps(custom.to_dict())))
    assert (again.task.malignant, again.task.precursors) == (("wart",), ("mole",))
    assert again.task.classes == {"mole": "Mole", "wart": "Wart"}
    values = manifest(noisy(), LABELS).to_dict()
    del values["malignant"], values["precursors"]
    assert Manifest.from_dict(values).task == TASKS["isic2019"]


def test_points_are_measured_on_both_sides_of_every_threshold():
    report = report_of(noisy())
    for question in ("melanoma", "malignant"):
        points = report["operating_points"][question]
        assert len(points) == 6
        asked = report["sensitivity"][question]["at_90_specificity"]
        assert points["at_90_specificity"]["sensitivity"]["low"] == asked["low"]
        assert points["at_90_specificity"]["specificity"] == asked["specificity"]
        # Set on these very images, a point holds what it promises.
        assert points["at_90_sensitivity"]["sensitivity"]["value"] >= 0.9
