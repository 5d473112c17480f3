"""One evaluation: from a bundle and a table of images to a report, its page and its pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from model.data.context import table_patients
from model.data.lesion_masks import mask_groups
from model.evaluation.context_worth import context_worth
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.explanation_check import (
    MOST_EXPLAINED,
    PREDICTIONS_EACH,
    check_explanations,
)
from model.evaluation.figures import draw_figures, draw_misclassified
from model.evaluation.ood_check import OOD_IMAGES, check_ood
from model.evaluation.outcome import Outcome
from model.evaluation.report_text import report_page
from model.evaluation.robustness import CORRUPTIONS, PER_CLASS, SEVERITIES, check_robustness
from model.evaluation.second_photograph import second_photograph
from model.evaluation.steadiness import NAMES, SAMPLE, check_steadiness, steadiness_sample
from model.evaluation.subgroups import group_names
from model.inference.predictor import Predictor

_SEEN = {
    "train": "The network was trained on these images: every figure is optimistic.",
    "validation": "Epoch and thresholds were chosen on these images: slightly optimistic.",
    "all": "Where the network was trained on some of these images, figures are optimistic.",
}


def run_evaluation(
    table: pd.DataFrame,
    *,
    bundle: Path,
    part: str,
    out: Path,
    masks: Sequence[Path],
    cache_dir: Path,
    quick: bool,
    full: bool = False,
) -> dict:
    """Predict, compute every figure and draw every picture into ``out``; returns the report.

    ``masks`` are folders that may be missing; then what needs lesion outlines is left out.
    ``quick`` leaves out what runs the network many times; ``full`` takes all images for it, not a
    sample.

    Raises:
        BundleError: the bundle is missing, damaged, or lacks thresholds.
        ImageError: an image cannot be read.
    """
    predictor = Predictor.load(bundle, backend="logits")
    manifest = predictor.manifest
    images = predictor.prepared(table["path"].tolist(), cache_dir=cache_dir)
    patients = table_patients(table, manifest.patient.fields)
    with tqdm(unit="image", desc="Predicting") as bar:
        predictor.progress = bar
        bar.total = _count(table, predictor, quick=quick, full=full)
        outputs = predictor.outputs(images, patients, alone=True)
        outcome = outcome_of(table.reset_index(drop=True), outputs.probabilities, manifest)
        bar.set_description("Figures and intervals")
        groups = mask_groups(table, masks)
        report = evaluate(outcome, groups)
        known = group_names(outcome.table, manifest.patient.fields)
        report["context"] = context_worth(outcome, outputs.alone, known)
        report["second_photograph"] = second_photograph(outcome)
        bar.set_description("Out-of-distribution images")
        report["unknown"] = check_ood(predictor, outcome, outputs)
        if not quick:
            report |= _slow_checks(predictor, outcome, images, masks, full=full)
    bar.set_description("Done")
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
    predictor = Predictor.load(bundle)
    manifest = predictor.manifest
    images = predictor.prepared(table["path"].tolist(), cache_dir=cache_dir)
    patients = table_patients(table, manifest.patient.fields)
    return outcome_of(table, predictor.predict_images(images, patients), manifest)


def _slow_checks(
    predictor: Predictor, outcome: Outcome, images: np.ndarray, masks: Sequence[Path], *, full: bool
) -> dict:
    bar = predictor.progress
    bar.set_description("Photographed otherwise")
    steadiness = check_steadiness(predictor, outcome.table, sample=None if full else SAMPLE)
    bar.set_description("Robustness")
    per_class = None if full else PER_CLASS
    robustness = check_robustness(predictor, outcome, images, per_class=per_class)
    bar.set_description("Explanations")
    explanations = check_explanations(predictor, outcome, images, masks)
    return {"steadiness": steadiness, "robustness": robustness, "explanations": explanations}


def _count(table: pd.DataFrame, predictor: Predictor, *, quick: bool, full: bool) -> int:
    """How many images are predicted in all."""
    times = 2 if predictor.closeups and predictor.finder else 1  # whole photographs beside frames
    known = len(table) + (predictor.detector is not None) * OOD_IMAGES * times
    if quick:
        return known
    sample = None if full else SAMPLE
    steady = len(steadiness_sample(table, predictor.manifest.image.side, sample=sample))
    labels = predictor.manifest.task.labels(table["diagnosis"].tolist())
    of_class = pd.Series(labels).value_counts()
    altered = len(table) if full else int(of_class.clip(upper=PER_CLASS).sum())
    runs = 1 + len(CORRUPTIONS) * len(SEVERITIES)
    explained = min(MOST_EXPLAINED, len(table)) * PREDICTIONS_EACH
    return known + steady * (1 + len(NAMES)) + altered * runs + explained


def _notes(part: str, *, has_masks: bool, quick: bool) -> list[str]:
    notes = [_SEEN[part]] if part in _SEEN else []
    if has_masks:
        notes.append("Lesion size and skin tone are known for images with an outline only.")
        notes.append("Skin tone is estimated from photographs that are not colour-calibrated.")
    else:
        notes.append("No lesion outlines (masks/): lesion size and skin tone are left out.")
    if quick:
        notes.append("Quick: steadiness, robustness and the check of explanations are left out.")
    return notes
