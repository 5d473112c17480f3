"""One evaluation from a bundle and a table of images to a report and its pictures."""

from pathlib import Path

import pandas as pd

from model.cache import cached_images
from model.dataset import table_patients
from model.evaluate import describe, evaluate, judge
from model.predictor import Predictor


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
    predictor = Predictor.load(bundle)
    manifest = predictor.manifest
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    inside = predictor.look_inside(images, table_patients(table))
    outcome = judge(table, inside.probabilities, manifest)
    report = evaluate(outcome)
    out.mkdir(parents=True, exist_ok=True)
    return {**report, "about": describe(outcome, bundle=bundle, part=part)}
