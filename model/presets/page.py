"""The page that ``bench-presets`` writes, as Markdown, and its figure."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.outcome import FIGURES
from model.presets.bench import CURVES_FILE, Bench
from model.presets.preset import Preset
from model.presets.table import (
    MAJORITY,
    NOT_RUN,
    RANDOM,
    TASK_NAMES,
    labelled,
    notes_markdown,
    table_markdown,
)

_PAGE = """\
# Earlier systems, rebuilt and compared on equal terms

Each is a preset, a file of settings in `model/presets`, that can be trained by name:

```sh
python -m model bench-presets --list
python -m model train --preset cnn-4block --data DIR --out RUN
```

The rest of this page is as `{command}` wrote it.

## Conditions

{conditions}

## Figures

{tables}

![Figures with intervals, beside what was reported](presets.png)

## What was reported, why it differs, and what was rebuilt how

{notes}
"""

_PARTS = {
    "validation": "Evaluated on the validation part, by which the epoch was chosen, too: all "
    "figures are slightly optimistic, for every preset equally. The test part was not used.",
    "test": "Evaluated on the test part; the epoch was chosen on the validation part.",
    "train": "Evaluated on the training part itself: memorisation, not performance.",
}
_READING = (
    "weights: all of them at this side, fewer than at the preset's own where maps are flattened; "
    "trainable: those of the last stage; MB: as float32; min: minutes of training, which "
    "other work on the machine lengthens. Intervals are 95 %, by a bootstrap over lesions.",
    "Training and validation accuracy and loss are those of the epoch whose weights were kept; in "
    "training with dropout, on images changed at random. The curves of all epochs are in each "
    f"preset's folder, `{CURVES_FILE}`.",
    "The answer is the most probable class, so sensitivity and specificity are those of one "
    "threshold, not of the best one. Melanoma sensitivity: share of melanomas given the class that "
    "holds them; specificity: share of the images of other classes that are not.",
    f"Tables of different tasks cannot be compared. The row *{MAJORITY}* is what naming that class "
    "for every image gives: a preset with its balanced accuracy, or nearly, gives nearly all "
    "images one class within this budget, whatever its AUC. reported: accuracy, as the "
    "authors state it.",
)


def page_markdown(
    bench: Bench, table: pd.DataFrame, presets: Sequence[Preset], *, command: str
) -> str:
    """Write the page of a bench's table."""
    conditions = [*_data(bench), *_training(bench, table), *_weights(table), *_READING]
    lines = "\n".join(f"- {line}" for line in conditions)
    return _PAGE.format(
        command=command,
        conditions=lines,
        tables=table_markdown(table),
        notes=notes_markdown(presets, table),
    )


def _data(bench: Bench) -> list[str]:
    learned, judged = bench.rows("train"), bench.rows(bench.part)
    return [
        f"Trained on {len(learned):,} images of {learned['lesion_id'].nunique():,} lesions "
        f"({_sources(learned)}), evaluated on {len(judged):,} images of "
        f"{judged['lesion_id'].nunique():,} other lesions: one split, by lesion, for all.",
        _PARTS[bench.part],
    ]


def _weights(table: pd.DataFrame) -> list[str]:
    """What to know of presets that could not start as their authors' did."""
    names = table["preset"][table["weights"].eq(RANDOM)]
    if names.empty:
        return []
    return [
        f"ImageNet weights unavailable, so from random ones, which a frozen backbone keeps: "
        f"{', '.join(names)}. What they reach so is no measure of their authors' systems."
    ]


def _training(bench: Bench, table: pd.DataFrame) -> list[str]:
    reduced = f"at most {bench.side} px" if bench.side else "each preset's own"
    return [
        f"Epochs: {bench.budget} at most, those of a frozen backbone in the preset's own "
        "proportion. One run each, so that a single seed decides: close figures are not a "
        f"difference. Training took {table['minutes'].sum():.0f} min in all on {_device()}.",
        f"px: side of the images, {reduced}, but never less than the network can take, nor more "
        f"than the preset's own. The median photograph here has {_size(bench.rows(bench.part))} "
        "pixels.",
    ]


def _device() -> str:
    if gpus := keras.distribution.list_devices("gpu"):
        return f"{len(gpus)} GPU"
    return f"{os.cpu_count()} CPU cores"


def _sources(rows: pd.DataFrame) -> str:
    counts = rows["source"].value_counts()
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _size(rows: pd.DataFrame) -> str:
    return " x ".join(f"{rows[name].median():.0f}" for name in ("width", "height"))


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
