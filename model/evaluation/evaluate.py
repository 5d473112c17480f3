"""Evaluate a bundle: from its predictions to the figures of ``report.json`` (docs/report.md)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from model.evaluation.challenge_score import challenge_score
from model.evaluation.intervals import DRAWS, LEVEL, Interval, LesionBootstrap, interval
from model.evaluation.metrics import (
    average_precision,
    confusion_matrix,
    equal_mass_edges,
    f1,
    mean_of_known,
    one_against_rest,
    precision,
    recall,
    reliability,
    reliability_bins,
    roc_auc,
    roc_curves,
    share,
    specificity,
)
from model.evaluation.outcome import Outcome, headline_draws
from model.evaluation.subgroups import group_names, largest_gap, subgroup_figures
from model.inference.bundle import Manifest
from model.inference.calibration import MELANOMA, apply_temperature, point_name

SCHEMA = 1


def outcome_of(
    table: pd.DataFrame, probabilities: np.ndarray, manifest: Manifest, *, draws: int = DRAWS
) -> Outcome:
    """Join truth and predictions, with the draws for the intervals."""
    bootstrap = LesionBootstrap(table["lesion_id"].tolist(), draws=draws)
    return Outcome(table, probabilities, manifest, bootstrap)


def evaluate(outcome: Outcome, extra_groups: pd.DataFrame | None = None) -> dict:
    """Compute all figures that need no further run of the network, ready for JSON.

    ``extra_groups`` holds further dimensions of subgroups, one column each.
    """
    overall = headline_draws(outcome)
    del overall["recalls"]
    groups = group_names(outcome.table, outcome.manifest.patient.fields)
    if extra_groups is not None:
        groups = pd.concat([groups, extra_groups], axis=1)
    subgroups = subgroup_figures(outcome, groups)
    points = operating_figures(outcome)
    return {
        **{name: interval(figures) for name, figures in overall.items()},
        "macro_average_precision": interval(mean_of_known(_precisions(outcome))),
        **by_aim(points),
        "operating_points": points,
        "by_threshold": figures_by_threshold(outcome),
        **missed_melanomas(outcome),
        "per_class": per_class(outcome),
        "per_source": subgroups["source"]["groups"],
        "confusion": _confusion(outcome),
        "roc": roc_curves(outcome.probabilities, outcome.labels, outcome.codes),
        "calibration": calibration(outcome),
        "prediction_sets": set_figures(outcome),
        "subgroups": {"largest_gap": largest_gap(subgroups), **subgroups},
        "challenge": _challenge(outcome),
    }


def operating_figures(outcome: Outcome) -> dict[str, dict]:
    """Sensitivity and specificity here at every threshold of the bundle: question → point."""
    return {
        question: {point: _point_figures(outcome, question, t) for point, t in points.items()}
        for question, points in outcome.points.items()
    }


def missed_melanomas(outcome: Outcome) -> dict[str, dict]:
    """Share of each source's melanomas below the cut-off for 90 % sensitivity; empty without it.

    ``missed_melanomas``: source → melanomas, lesions of theirs, and missed, an interval.
    """
    threshold = outcome.points.get(MELANOMA, {}).get(point_name("sensitivity", 0.90))
    if threshold is None:
        return {}
    melanoma, called = outcome.answers(MELANOMA, threshold)
    found = {}
    for source in sorted(set(outcome.table["source"][melanoma])):
        rows = melanoma & (outcome.table["source"] == source).to_numpy()
        found[source] = {
            "melanomas": int(rows.sum()),
            "lesions": int(outcome.table["lesion_id"][rows].nunique()),
            "missed": _rate(outcome.bootstrap, rows, ~called),
        }
    return {"missed_melanomas": found}


def by_aim(points: dict[str, dict]) -> dict[str, dict]:
    """The same in two tables: a point that was set by one of the two is under the other."""
    found = {"sensitivity": {}, "specificity": {}}
    for question, rows in points.items():
        for point, row in rows.items():
            asked, other = "sensitivity", "specificity"
            if point.endswith(asked):
                asked, other = other, asked
            table = found[asked].setdefault(question, {})
            table[point] = {**row[asked], "threshold": row["threshold"], other: row[other]}
    return found


def figures_by_threshold(outcome: Outcome) -> dict[str, dict[str, list[float]]]:
    """Sensitivity and specificity of every question at thresholds of 0, 1, … 100 per cent.

    A question for which one side has no image is left out.
    """
    found = {}
    thresholds = np.linspace(0, 1, 101)
    for question in outcome.points:
        truth, _ = outcome.answers(question, 0.5)
        if truth.all() or not truth.any():
            continue
        said = np.stack([outcome.answers(question, threshold)[1] for threshold in thresholds])
        found[question] = {
            "threshold": thresholds.round(2).tolist(),
            "sensitivity": said[:, truth].mean(axis=1).tolist(),
            "specificity": (~said[:, ~truth]).mean(axis=1).tolist(),
        }
    return found


def per_class(outcome: Outcome) -> dict[str, dict]:
    """Figures of each class against the others, with its numbers of images and lesions."""
    classes = len(outcome.codes)
    pairs = np.eye(classes**2)[outcome.labels * classes + outcome.predictions]
    counts = outcome.bootstrap.sums(pairs.reshape(-1, classes, classes))
    figures = {
        "recall": recall(counts),
        "precision": precision(counts),
        "specificity": specificity(counts),
        "f1": f1(counts),
        "auc": _ranks(outcome, roc_auc),
        "average_precision": _precisions(outcome),
    }
    lesions = outcome.table.groupby(outcome.labels)["lesion_id"].nunique()
    return {
        code: {
            "support": int((outcome.labels == number).sum()),
            "lesions": int(lesions.get(number, 0)),
            **{name: interval(drawn[:, number]) for name, drawn in figures.items()},
        }
        for number, code in enumerate(outcome.codes)
    }


def calibration(outcome: Outcome) -> dict:
    """Calibration figures before and after temperature scaling, and the reliability diagram."""
    temperature = outcome.manifest.temperature
    raw = apply_temperature(outcome.probabilities, 1 / temperature)
    right, confidence = outcome.correct, outcome.confidence
    before = raw.max(axis=1)
    return {
        "temperature": temperature,
        "before": reliability(raw, outcome.labels, outcome.bootstrap)
        | {"bins": reliability_bins(before, right, equal_mass_edges(before))},
        "after": reliability(outcome.probabilities, outcome.labels, outcome.bootstrap)
        | {"bins": reliability_bins(confidence, right, equal_mass_edges(confidence))},
    }


def set_figures(outcome: Outcome) -> dict:
    """Coverage overall and by class, and how large the sets are."""
    covered = outcome.sets[np.arange(len(outcome.labels)), outcome.labels]
    everything = np.ones(len(covered), bool)
    sizes = np.bincount(outcome.sets.sum(axis=1), minlength=len(outcome.codes) + 1)
    return {
        "stated_coverage": outcome.manifest.prediction_sets["coverage"],
        "coverage": _rate(outcome.bootstrap, everything, covered),
        "coverage_by_class": {
            code: _rate(outcome.bootstrap, outcome.labels == number, covered)
            for number, code in enumerate(outcome.codes)
        },
        "images_by_set_size": {str(n): int(count) for n, count in enumerate(sizes) if n},
    }


def describe(outcome: Outcome, *, bundle: Path, part: str) -> dict:
    """What was evaluated and how, for the report's ``about``."""
    return {
        "schema": SCHEMA,
        "bundle": bundle.name,
        "name": outcome.manifest.name,
        "network_sha256": outcome.manifest.network_sha256,
        "part": part,
        "images": len(outcome.table),
        "lesions": int(outcome.table["lesion_id"].nunique()),
        "interval": f"{LEVEL:.0%}, percentile bootstrap over lesions",
        "draws": len(outcome.bootstrap.times),
        "thresholds": "set on the validation part and stored in the bundle",
    }


def _point_figures(outcome: Outcome, question: str, threshold: float) -> dict:
    truth, said = outcome.answers(question, threshold)
    return {
        "threshold": threshold,
        "sensitivity": _rate(outcome.bootstrap, truth, said),
        "specificity": _rate(outcome.bootstrap, ~truth, ~said),
    }


def _rate(bootstrap: LesionBootstrap, whole: np.ndarray, part: np.ndarray) -> Interval:
    """Share of the images in ``whole`` that are also in ``part``."""
    sums = bootstrap.sums(np.stack([whole & part, whole], axis=1))
    return interval(share(sums[:, 0], sums[:, 1]))


def _ranks(outcome: Outcome, figure: Callable[..., np.ndarray]) -> np.ndarray:
    answers = outcome.probabilities, outcome.labels
    return outcome.bootstrap.of_weights(lambda weights: one_against_rest(figure, *answers, weights))


def _precisions(outcome: Outcome) -> np.ndarray:
    return _ranks(outcome, average_precision)


def _confusion(outcome: Outcome) -> dict[str, Sequence]:
    counts = confusion_matrix(outcome.labels, outcome.predictions, len(outcome.codes))
    return {"classes": outcome.codes, "counts": counts.tolist()}


def _challenge(outcome: Outcome) -> dict:
    """The official scorer's figures over the classes of the task."""
    images = outcome.table["image"]
    truth = np.eye(len(outcome.codes))[outcome.labels]
    frames = [
        pd.DataFrame(values, images, outcome.codes) for values in (truth, outcome.probabilities)
    ]
    return challenge_score(*frames)
