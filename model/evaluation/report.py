"""One evaluation: from a bundle and a table of images to a report, its page and its pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from model.data.cache import cached_images
from model.data.dataset import table_patients
from model.data.lesion_masks import mask_groups
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.explanation_check import check_explanations
from model.evaluation.figures import draw_figures, draw_misclassified
from model.evaluation.ood_check import check_ood
from model.evaluation.outcome import Outcome
from model.evaluation.rendering import NOTE, gap_sentence, has_note, headlines_in, with_ci
from model.evaluation.robustness import check_robustness
from model.html_page import Section, Table, html_page
from model.inference.predictor import Predictor

_SEEN = {
    "train": "The network was trained on these images: every figure is optimistic.",
    "validation": "Epoch and thresholds were chosen on these images: slightly optimistic.",
    "all": "Where the network was trained on some of these images, figures are optimistic.",
}
_CAPTIONS = {
    "confusion.png": "Confusion matrices",
    "roc.png": "ROC curve of each diagnosis against the others",
    "precision_recall.png": "Precision and recall of each diagnosis against the others",
    "reliability.png": "Reliability diagram, in bins of equally many images",
    "robustness.png": "Figures against the severity of a change of the photograph",
    "mistakes.png": "The most confident misclassifications, with Grad-CAMs of the predicted class",
}
_CLASS = {
    **{name: name for name in ("recall", "precision", "specificity")},
    **{"f1": "F1", "auc": "AUC", "average_precision": "average precision"},
}
_CALIBRATION = {
    "ece": "ECE, bins of equally many images",
    "ece_equal_width": "ECE, bins of equal width",
    "classwise_ece": "ECE, mean over the classes",
    "brier": "Brier score",
    "nll": "negative log-likelihood",
}
_DELETION = ("marked", "elsewhere", "centre", "minus_elsewhere", "minus_centre")


def run_evaluation(
    table: pd.DataFrame,
    *,
    bundle: Path,
    part: str,
    out: Path,
    masks: Path,
    cache_dir: Path,
    quick: bool,
) -> dict:
    """Predict, compute every figure and draw every picture into ``out``; returns the report.

    ``masks`` may be missing; then what needs lesion outlines is left out. ``quick`` leaves out
    what runs the network many times.

    Raises:
        BundleError: the bundle is missing, damaged, or lacks thresholds.
        ImageError: an image cannot be read.
    """
    predictor = Predictor.load(bundle, backend="keras")
    manifest = predictor.manifest
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    patients = table_patients(table, manifest.patient.fields)
    outputs = predictor.outputs(images, patients)
    outcome = outcome_of(table.reset_index(drop=True), outputs.probabilities, manifest)
    groups = mask_groups(table, masks)
    report = evaluate(outcome, groups)
    report["unknown"] = check_ood(predictor, outcome, outputs)
    if not quick:
        report |= _slow_checks(predictor, outcome, images, masks)
    report["notes"] = _notes(part, has_masks=groups is not None, quick=quick)
    report["about"] = describe(outcome, bundle=bundle, part=part)
    out.mkdir(parents=True, exist_ok=True)
    pictures = draw_figures(report, outcome, out)
    mistakes = draw_misclassified(predictor, outcome, images, out)
    page = report_page(report, [*pictures, *([mistakes] if mistakes else [])])
    (out / "report.html").write_text(page, encoding="utf-8")
    return report


def predict_outcome(table: pd.DataFrame, *, bundle: Path, cache_dir: Path) -> Outcome:
    """Predict with a bundle and join its predictions with the truth.

    Raises:
        BundleError: the bundle is missing, damaged, or lacks thresholds.
        ImageError: an image cannot be read.
    """
    predictor = Predictor.load(bundle, backend="keras")
    manifest = predictor.manifest
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    patients = table_patients(table, manifest.patient.fields)
    return outcome_of(table, predictor.predict_images(images, patients), manifest)


def _slow_checks(predictor: Predictor, outcome: Outcome, images: np.ndarray, masks: Path) -> dict:
    return {
        "robustness": check_robustness(predictor, outcome, images),
        "explanations": check_explanations(predictor, outcome, images, masks),
    }


def _notes(part: str, *, has_masks: bool, quick: bool) -> list[str]:
    notes = [_SEEN[part]] if part in _SEEN else []
    if has_masks:
        notes.append("Lesion size and skin tone are known for images with an outline only.")
        notes.append("Skin tone is estimated from photographs that are not colour-calibrated.")
    else:
        notes.append("No lesion outlines (masks/): lesion size and skin tone are left out.")
    if quick:
        notes.append("Quick: robustness and the check of explanations are left out.")
    return notes


def report_page(report: dict, pictures: Sequence[Path]) -> str:
    """Write the report as one HTML page, with the pictures inside."""
    about = report["about"]
    return html_page(f"{about['name']}: {about['part']} part", _sections(report, pictures))


def _sections(report: dict, pictures: Sequence[Path]) -> Iterator[Section]:
    about, headlines = report["about"], headlines_in(report)
    text = (
        f"{about['images']:,} images of {about['lesions']:,} lesions. In brackets: "
        f"{about['interval']}, {about['draws']:,} draws. Research and teaching only; not a medical "
        "device."
    )
    figures = Table(("", "figure"), [(n, with_ci(report[k])) for k, n in headlines.items()])
    yield Section(texts=[text], tables=[figures])
    yield Section(texts=[NOTE] * has_note(report))
    yield Section("By diagnosis", tables=[_class_table(report)])
    if report["operating_points"]:
        table = _point_table(report["operating_points"])
        yield Section("Operating points, thresholds from validation images", tables=[table])
    found = report["calibration"]
    text = f"Temperature {found['temperature']:.3f}, fitted on validation images."
    yield Section("Calibration", [text], [_calibration_table(found)])
    text = gap_sentence(report["subgroups"]["largest_gap"])
    yield Section("By group", [text], _group_tables(report["subgroups"], headlines))
    if report.get("unknown"):
        yield Section("Out-of-distribution images", tables=[_ood_table(report["unknown"])])
    if report.get("explanations"):
        table = _explanation_table(report["explanations"])
        yield Section("Activation maps checked", tables=[table])
    yield Section(texts=[f"Note: {note}" for note in report["notes"]])
    for file in pictures:
        yield Section(_CAPTIONS[file.name], picture=file, alt=_CAPTIONS[file.name])


def _class_table(report: dict) -> Table:
    coverage = report["prediction_sets"]["coverage_by_class"]
    rows = [
        (code, row["support"], *(with_ci(row[key]) for key in _CLASS), with_ci(coverage[code]))
        for code, row in report["per_class"].items()
    ]
    return Table(("diagnosis", "images", *_CLASS.values(), "coverage"), rows)


def _point_table(questions: dict) -> Table:
    rows = [
        (
            *(question, point.replace("_", " "), f"{row['threshold']:.4f}"),
            *(with_ci(row[side]) for side in ("sensitivity", "specificity")),
        )
        for question, points in questions.items()
        for point, row in points.items()
    ]
    return Table(("question", "point", "threshold", "sensitivity", "specificity"), rows)


def _calibration_table(found: dict) -> Table:
    rows = [
        (name, *(with_ci(found[when][key]) for when in ("before", "after")))
        for key, name in _CALIBRATION.items()
    ]
    return Table(("", "before", "after"), rows)


def _group_tables(subgroups: dict, headlines: dict[str, str]) -> list[Table]:
    tables = []
    for dimension, found in subgroups.items():
        if dimension == "largest_gap":
            continue
        rows = [
            (name, row["images"], row["lesions"], *(with_ci(row[key]) for key in headlines))
            for name, row in found["groups"].items()
        ]
        head = (dimension.replace("_", " "), "images", "lesions", *headlines.values())
        tables.append(Table(head, rows))
    return tables


def _ood_table(found: dict) -> Table:
    methods = list(found["false_alarm_rate"])
    alarms = ("false-positive rate", *(with_ci(found["false_alarm_rate"][m]) for m in methods))
    rows = [
        (kind, *(f"AUC {row[m]['auc']:.3f}, detected {row[m]['noticed']:.0%}" for m in methods))
        for kind, row in found["kinds"].items()
    ]
    return Table(("", *methods), [alarms, *rows])


def _explanation_table(found: dict) -> Table:
    rows = [
        (f"fall of the probability: {key.replace('_', ' ')}", with_ci(found["deletion"][key]))
        for key in _DELETION
    ]
    rows += [
        (f"share on the lesion: {key.replace('_', ' ')}", with_ci(value))
        for key, value in (found["on_lesion"] or {}).items()
        if key != "images"
    ]
    return Table(("", "mean"), rows)
