"""What ``bench-presets`` writes: results as a table, a Markdown page and a figure.

Results stand beside what the presets' authors reported.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.intervals import Interval
from model.evaluation.outcome import FIGURES
from model.evaluation.report_text import markdown_table, with_ci
from model.presets.bench import CURVES, CURVES_FILE, Bench
from model.presets.preset import Preset
from model.tasks import CUSTOM
from model.training.stages import stages_of

TASK_NAMES = {
    "isic2019": "Eight diagnoses (ISIC 2019)",
    "ham10000": "Seven diagnoses (HAM10000)",
    "melanoma": "Melanoma or not",
    "malignant": "Malignant or not",
    CUSTOM: "Labels of the data",
}
MAJORITY = "most frequent class"
RUN, NOT_RUN = "run", "not run"
RANDOM = "random weights"
_LEARNED = {
    "training accuracy": "learned_accuracy",
    "training loss": "learned_loss",
    "validation accuracy": "learned_val_accuracy",
    "validation loss": "learned_val_loss",
}
_FLOAT_BYTES = 4
_COLUMNS = (
    *("preset", "task", "status", "own_side", "image_side", "parameters", "trainable", "megabytes"),
    *("weights", "epochs", "best_epoch", "minutes"),
    *(f"learned_{name}" for name in CURVES),
    *(f"{key}{end}" for key in FIGURES for end in ("", "_low", "_high")),
    *("reported_accuracy", "command"),
)


def bench_table(
    bench: Bench, presets: Sequence[Preset], *, command_of: Callable[[str], str]
) -> pd.DataFrame:
    """Train and evaluate presets: one row each, and one per task for the most frequent class.

    Sorted by task, then by balanced accuracy; presets that could not be trained come last, with the
    command that would, which ``command_of`` gives of the name.
    """
    rows = []
    for preset in presets:
        if bench.config(preset) is None:
            found = [_absent_row(preset, command_of(preset.name))]
        else:
            print(f"{preset.name}: {preset.title}", file=sys.stderr, flush=True)
            found = [_result_row(one, bench.result(one)) for one in preset.variants()]
        rows += [row | {"task": bench.task or row["task"]} for row in found]
    for task in dict.fromkeys(row["task"] for row in rows):
        figures = _flat(bench.majority(task))
        rows.append({"preset": MAJORITY, "task": task, "status": RUN, **figures})
    return _sorted(pd.DataFrame(rows, columns=_COLUMNS))


def _result_row(preset: Preset, result: dict) -> dict:
    config = result["config"]
    return _about(preset) | {
        "status": RUN,
        "image_side": config["image_side"],
        "parameters": result["parameters"],
        "trainable": result["trainable"],
        "megabytes": result["parameters"] * _FLOAT_BYTES / 1e6,
        "epochs": result["epochs"],
        "best_epoch": result["best_epoch"],
        "weights": _started_from(preset, config),
        "minutes": result["seconds"] / 60,
        **{f"learned_{name}": value for name, value in result["curves"].items()},
        **_flat(result["figures"]),
    }


def _absent_row(preset: Preset, command: str) -> dict:
    size = preset.parameters and preset.parameters * _FLOAT_BYTES / 1e6
    learning = preset.trainable.get(stages_of(preset.config())[-1].name)
    counts = {"parameters": preset.parameters, "trainable": learning, "megabytes": size}
    return _about(preset) | {"status": NOT_RUN, **counts, "command": command}


def _started_from(preset: Preset, config: dict) -> str:
    """The initial weights, where they are not those of its authors."""
    return RANDOM if preset.settings.get("weights") != config["weights"] == "none" else ""


def _about(preset: Preset) -> dict:
    config = preset.config()
    return {
        "preset": preset.name,
        "task": config.task,
        "own_side": config.image_side,
        "reported_accuracy": preset.reported_accuracy,
    }


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    keys = pd.DataFrame(
        {
            "task": table["task"].map(list(TASK_NAMES).index),
            "place": table["preset"].ne(MAJORITY).astype(int) + table["status"].eq(NOT_RUN),
            "figure": -table["balanced_accuracy"].astype(float),
            "preset": table["preset"],
        }
    )
    return table.loc[keys.sort_values(list(keys)).index].reset_index(drop=True)


def table_markdown(table: pd.DataFrame) -> str:
    """One Markdown table per task."""
    names = ["preset", "px", "weights", "trainable", "MB", "min"]
    names += [*_LEARNED, *FIGURES.values(), "reported"]
    blocks = []
    for task, rows in table.groupby("task", sort=False):
        lines = markdown_table(names, [_cells(row) for row in rows.to_dict("records")])
        blocks.append("\n".join([f"### {TASK_NAMES[task]}", "", *lines]))
    return "\n\n".join(blocks)


def notes_markdown(presets: Sequence[Preset], table: pd.DataFrame) -> str:
    """What each preset's authors reported, why figures differ, and what the rebuild does."""
    commands = table.set_index("preset")["command"].dropna()
    lines = []
    for preset in presets:
        lines += [
            f"- **{preset.name}**: {preset.title} ({preset.source}). "
            f"Reported: {preset.reported}. Why it differs: {preset.differs} "
            f"Rebuilt: {preset.departs}"
        ]
        if preset.name in commands:
            lines.append(f"  Not run, ImageNet weights unavailable: `{commands[preset.name]}`")
    return "\n".join(lines)


def _cells(row: dict) -> list[str]:
    counts = [_number(row[name]) for name in ("image_side", "parameters", "trainable")]
    minutes = NOT_RUN if row["status"] == NOT_RUN else _number(row["minutes"], places=1)
    figures = [_interval(row, key) for key in FIGURES]
    reported = _number(row["reported_accuracy"], places=3)
    return [
        labelled(row["preset"], row["weights"]),
        *counts,
        _number(row["megabytes"], places=1),
        minutes,
        *(_number(row[column], places=3) for column in _LEARNED.values()),
        *figures,
        reported,
    ]


def labelled(preset: str, weights: str | None) -> str:
    """A preset's name, with its initial weights if they are not its authors'."""
    return f"{preset} ({weights})" if isinstance(weights, str) and weights else preset


def _interval(row: dict, key: str) -> str:
    value = row[key]
    bounds = {"value": value, "low": row[f"{key}_low"], "high": row[f"{key}_high"]}
    return with_ci(bounds if pd.notna(value) else {"value": None, "low": None, "high": None})


def _number(value: float | None, *, places: int = 0) -> str:
    return "" if pd.isna(value) else f"{value:,.{places}f}"


def _flat(figures: dict[str, Interval]) -> dict[str, float | None]:
    flat = {}
    for key, figure in figures.items():
        flat |= {key: figure["value"], f"{key}_low": figure["low"], f"{key}_high": figure["high"]}
    return flat


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
    """Note on presets whose initial weights are not those of their authors."""
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
    places, headings = _line_positions(table)
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


def _line_positions(table: pd.DataFrame) -> tuple[np.ndarray, dict[str, int]]:
    """Lines of the rows, and of the heading before each task."""
    new = table["task"].ne(table["task"].shift())
    places = np.arange(len(table)) + new.cumsum().to_numpy()
    return places, {task: places[n] - 1 for n, task in enumerate(table["task"]) if new.iloc[n]}
