"""Diagrams of a report, as PNG files. None shows a photograph."""

from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import precision_recall_curve, roc_curve

from model.data.context import table_patients
from model.evaluation.outcome import Outcome
from model.frame import crop_frame
from model.image import bright_box, read_image
from model.inference.grad_cam import overlay
from model.inference.predictor import Predictor
from model.patient import UNKNOWN, describe

_DPI = 110


def draw_figures(report: dict, outcome: Outcome, out: Path) -> list[Path]:
    """Draw everything that the report has figures for; returns the files in reading order."""
    figures = {
        "confusion.png": confusion_figure(report["confusion"]),
        "roc.png": curves_figure(outcome, kind="roc"),
        "precision_recall.png": curves_figure(outcome, kind="precision-recall"),
        "reliability.png": reliability_figure(report["calibration"]),
    }
    if "robustness" in report:
        figures["robustness.png"] = robustness_figure(report["robustness"])
    for name, figure in figures.items():
        figure.savefig(out / name, dpi=_DPI)
    return [out / name for name in figures]


def confusion_figure(confusion: dict) -> Figure:
    """Counts on the left, shares of each true class on the right."""
    counts = np.array(confusion["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    axes = figure.subplots(1, 2)
    _matrix(axes[0], shares, [[str(n) for n in row] for row in counts], confusion["classes"])
    _matrix(axes[1], shares, [[f"{s:.2f}" for s in row] for row in shares], confusion["classes"])
    axes[0].set_title("Images")
    axes[1].set_title("Share of each true diagnosis")
    return figure


def curves_figure(outcome: Outcome, *, kind: str) -> Figure:
    """One curve per class that has images, and others: ``roc`` or ``precision-recall``."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    for number, code in enumerate(outcome.codes):
        truth = outcome.labels == number
        if truth.any() and not truth.all():
            axes.plot(*_curve(kind, truth, outcome.probabilities[:, number]), label=code)
    across, up = {
        "roc": ("1 - specificity", "sensitivity"),
        "precision-recall": ("recall", "precision"),
    }[kind]
    axes.set(xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1.01))
    axes.legend()
    return figure


def reliability_figure(calibration: dict) -> Figure:
    """Accuracy against the probability of the predicted class, before and after."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, when in zip(axes, ("before", "after"), strict=True):
        bins = calibration[when]["bins"]
        axis.plot([0, 1], [0, 1], color="grey", linestyle="--", label="as stated")
        axis.plot(
            [row["confidence"] for row in bins],
            [row["accuracy"] for row in bins],
            marker="o",
            label="observed",
        )
        title = f"{when} temperature scaling, ECE {calibration[when]['ece']['value']:.3f}"
        axis.set(title=title, xlabel="stated probability", xlim=(0, 1), ylim=(0, 1))
        axis.legend()
    axes[0].set_ylabel("accuracy")
    return figure


def robustness_figure(robustness: dict) -> Figure:
    """Each figure against severity, one line per change."""
    unchanged = next(iter(robustness["changes"].values()))[0]
    shown = [key for key in unchanged if key != "severity"]
    figure = Figure(figsize=(6 * len(shown), 5), layout="constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axis, key in zip(axes, shown, strict=True):
        for name, rows in robustness["changes"].items():
            values = [np.nan if row[key]["value"] is None else row[key]["value"] for row in rows]
            axis.plot([row["severity"] for row in rows], values, marker="o", label=name)
        axis.set(title=key.replace("_", " "), xlabel="severity", ylim=(0, 1))
    axes[-1].legend(ncols=2, fontsize="small")
    return figure


def _matrix(axes: Axes, shades: np.ndarray, texts: list[list[str]], classes: list[str]) -> None:
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=1)
    for (row, column), shade in np.ndenumerate(shades):
        colour = "white" if shade > 0.5 else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")


def _curve(kind: str, truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if kind == "roc":
        return roc_curve(truth, scores)[:2]
    precision, recall, _ = precision_recall_curve(truth, scores)
    return recall, precision


_PAIRS, _PER_PAIR, _ACROSS = 12, 2, 4
_LINE = 30  # characters per line above a photograph


def most_confident_errors(outcome: Outcome) -> list[int]:
    """Positions of the two most confident mistakes of the twelve most frequent class pairs.

    Of each lesion only one image is taken.
    """
    table = pd.DataFrame(
        {
            "row": np.arange(len(outcome.labels)),
            "true": outcome.labels,
            "predicted": outcome.predictions,
            "confidence": outcome.confidence,
            "lesion": outcome.table["lesion_id"].to_numpy(),
        }
    )[~outcome.correct]
    frequent = (
        table.groupby(["true", "predicted"]).size().sort_values(ascending=False, kind="stable")
    )
    rows = []
    for pair in frequent.index[:_PAIRS]:
        of_pair = table[(table["true"] == pair[0]) & (table["predicted"] == pair[1])]
        worst = of_pair.sort_values("confidence", ascending=False).drop_duplicates("lesion")
        rows += worst["row"].head(_PER_PAIR).tolist()
    return rows


def draw_misclassified(
    predictor: Predictor, outcome: Outcome, images: np.ndarray, out: Path
) -> Path | None:
    """Write ``mistakes.png``: photograph, map of the predicted class, context and top three.

    None if there is no mistake.
    """
    rows = most_confident_errors(outcome)
    if not rows:
        return None
    fields = outcome.manifest.patient.fields
    patients = table_patients(outcome.table.iloc[rows], fields)
    squares = np.asarray(images[rows] if images.ndim == 4 else images[rows, 0])
    maps = predictor.grad_cam(squares, patients, outcome.predictions[rows])
    contexts = [describe(patient, fields) or UNKNOWN for patient in patients]
    down = -(-len(rows) // _ACROSS)
    figure = Figure(figsize=(3.6 * _ACROSS, 2.6 * down), layout="constrained")
    grid = figure.subplots(down, 2 * _ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for cell, (row, cam, context) in enumerate(zip(rows, maps, contexts, strict=True)):
        pair = grid[cell // _ACROSS][2 * (cell % _ACROSS) : 2 * (cell % _ACROSS) + 2]
        photograph = _as_seen(predictor, read_image(outcome.table["path"].iloc[row]))
        _draw(pair, outcome, row, photograph, cam, context)
    path = out / "mistakes.png"
    figure.savefig(path, dpi=100)
    return path


def _as_seen(predictor: Predictor, photograph: Image.Image) -> Image.Image:
    """The part of a photograph that its map is of."""
    if predictor.finder:
        frame = predictor.frame(photograph).frame
        return crop_frame(photograph, frame, max(round(frame.side), 1))
    if predictor.manifest.image.crop_border:
        return photograph.crop(bright_box(photograph))
    return photograph


def _draw(
    pair: list[Axes],
    outcome: Outcome,
    row: int,
    photograph: Image.Image,
    cam: np.ndarray,
    context: str,
) -> None:
    entry = outcome.table.iloc[row]
    pair[0].imshow(photograph)
    pair[1].imshow(overlay(photograph, cam))
    true, predicted = (outcome.codes[n] for n in (outcome.labels[row], outcome.predictions[row]))
    title = f"{true} predicted as {predicted}\n{entry['image']}\n{fill(context, _LINE)}"
    pair[0].set_title(title, fontsize=8, loc="left")
    pair[1].set_title(_top_three(outcome, row), fontsize=8, loc="left")


def _top_three(outcome: Outcome, row: int) -> str:
    best = np.argsort(-outcome.probabilities[row])[:3]
    return "\n".join(f"{outcome.codes[n]} {outcome.probabilities[row, n]:.0%}" for n in best)
