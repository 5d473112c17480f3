"""Results of presets as a table and as a page, beside what their authors reported."""

import sys
from collections.abc import Callable, Sequence

import pandas as pd

from model.evaluation.intervals import Interval
from model.evaluation.outcome import FIGURES
from model.evaluation.report_text import markdown_table, with_ci
from model.presets.bench import CURVES, Bench
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
        "weights": _weights(preset, config),
        "minutes": result["seconds"] / 60,
        **{f"learned_{name}": value for name, value in result["curves"].items()},
        **_flat(result["figures"]),
    }


def _absent_row(preset: Preset, command: str) -> dict:
    size = preset.parameters and preset.parameters * _FLOAT_BYTES / 1e6
    learning = preset.trainable.get(stages_of(preset.config())[-1].name)
    counts = {"parameters": preset.parameters, "trainable": learning, "megabytes": size}
    return _about(preset) | {"status": NOT_RUN, **counts, "command": command}


def _weights(preset: Preset, config: dict) -> str:
    """What it started from, where that is not what its authors started from."""
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
    """A preset's name, with what it started from if that is not what it should have been."""
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
