"""Diagrams of a report, as PNG files. None shows a photograph."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from model.evaluation.outcome import Outcome

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
    """One curve a class, of those that have images and others: ``roc`` or ``precision-recall``."""
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
    """Share of right answers against the probability of the named class, before and after."""
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
    axes[0].set_ylabel("share of right answers")
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
    axes.set(xlabel="named", ylabel="true")


def _curve(kind: str, truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if kind == "roc":
        return roc_curve(truth, scores)[:2]
    precision, recall, _ = precision_recall_curve(truth, scores)
    return recall, precision
