"""One diagram of all presets' figures with intervals, beside what was reported."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.headline import FIGURES
from model.presets.table import MAJORITY, NOT_RUN, TASK_NAMES, labelled

_DPI = 110
_COLOUR = "#1f5a8a"


def draw_presets(table: pd.DataFrame, file: Path) -> None:
    """Draw the table of ``bench-presets`` into a PNG file."""
    preset_figure(table).savefig(file, dpi=_DPI)


def preset_figure(table: pd.DataFrame) -> Figure:
    """One panel per figure, one line per row of the table; its rows are in reading order."""
    height = 1.2 + 0.34 * (len(table) + table["task"].nunique())
    figure = Figure(figsize=(15, height), layout="constrained")
    panels = figure.subplots(1, len(FIGURES), sharey=True)
    places, headings = _places(table)
    for axes, (key, name) in zip(panels, FIGURES.items(), strict=True):
        _draw(axes, table, places, key)
        axes.set(xlim=(-0.02, 1.02), xticks=(0, 0.5, 1), title=name)
        axes.grid(axis="x", alpha=0.3)
    names = [labelled(*row) for row in zip(table["preset"], table["weights"], strict=True)]
    labels = names + table["status"].map({NOT_RUN: " (not run)"}).fillna("")
    ticks = [*places, *headings.values()]
    panels[0].set_yticks(ticks, [*labels, *(TASK_NAMES[task] for task in headings)])
    for label in panels[0].get_yticklabels()[len(places) :]:
        label.set_fontweight("bold")
    panels[0].set_ylim(len(table) + len(headings) - 0.4, -0.6)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, places: np.ndarray, key: str) -> None:
    plain = table["preset"].eq(MAJORITY).to_numpy()
    values = table[key].to_numpy(float)
    if key == "accuracy":
        reported = table["reported_accuracy"].to_numpy(float)
        axes.scatter(
            reported,
            places,
            marker="D",
            facecolors="none",
            edgecolors="firebrick",
            label="reported by the authors",
        )
    axes.scatter(values[plain], places[plain], marker="|", s=90, color="grey", label=MAJORITY)
    bounds = table[[f"{key}_low", f"{key}_high"]].to_numpy(float)[~plain].T
    shown = values[~plain]
    axes.errorbar(
        shown,
        places[~plain],
        xerr=np.abs(bounds - shown),
        fmt="o",
        color=_COLOUR,
        markersize=4,
        linewidth=1,
        label="here, 95 % interval",
    )


def _places(table: pd.DataFrame) -> tuple[np.ndarray, dict[str, int]]:
    """Lines of the rows, and of the heading before each task."""
    new = table["task"].ne(table["task"].shift())
    places = np.arange(len(table)) + new.cumsum().to_numpy()
    return places, {task: places[n] - 1 for n, task in enumerate(table["task"]) if new.iloc[n]}
