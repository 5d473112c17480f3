"""The history of a training: the best epoch and the learning curves."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.training.settings import MONITORS

_PARTS = {"training": ("", "#4477aa"), "validation": ("val_", "#cc3311")}
"""Prefix of a part's columns, and its colour; any kind of colour vision tells them apart."""
_SHOWN = ("loss", "balanced_accuracy")
_QUIET = "#666666"
_DPI = 110


def best_row(history: pd.DataFrame, monitor: str) -> int:
    """Index label of the best epoch's row, the first of equal ones."""
    values = history[monitor].astype(float)
    return int(values.idxmax() if MONITORS[monitor] == "max" else values.idxmin())


def figures_by_epoch(history_csv: Path) -> dict[str, list[float]]:
    """Read a training's ``history.csv`` by metric, in the order of the epochs.

    Empty where there is no such file. Of an epoch that was run again, the later row counts.
    """
    if not history_csv.exists():
        return {}
    rows = _once(pd.read_csv(history_csv))
    shown = [prefix + name for name in _SHOWN for prefix, _ in _PARTS.values()]
    return {name: rows[name].round(5).tolist() for name in shown if name in rows}


def draw_curves(history_csv: Path, file: Path, **chosen: str) -> None:
    """Draw a training's ``history.csv`` to a picture file, as :func:`curves_figure` does."""
    curves_figure(pd.read_csv(history_csv), **chosen).savefig(file, dpi=_DPI)


def curves_figure(
    history: pd.DataFrame, *, keep: str = "best", monitor: str = "val_balanced_accuracy"
) -> Figure:
    """Loss, balanced accuracy and, if it was kept, the learning rate against the epoch, from 1.

    Args:
        history: one row per epoch, with the columns epoch (from 0), loss, balanced_accuracy, the
            same of the validation part with ``val_`` before, and perhaps stage and learning_rate.
            Of an epoch that was run again after an interruption, the later row counts.
        keep: which epoch's weights were kept, as in the config: ``best`` or ``last``.
        monitor: the column by which an epoch is the best.
    """
    rows = _once(history)
    rows["epoch"] += 1
    panels = list(_SHOWN)
    panels += [name for name in ("learning_rate",) if name in rows]
    chosen = best_row(rows, monitor) if keep == "best" else len(rows) - 1
    figure = Figure(figsize=(4.6 * len(panels), 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _plain(axes, name, rows)
        if name == "learning_rate":
            axes.plot(rows["epoch"], rows[name], color=_QUIET, marker=".")
            axes.set_ylim(bottom=0)
        else:
            _both_parts(axes, name, rows, chosen=chosen)
    return figure


def _once(history: pd.DataFrame) -> pd.DataFrame:
    return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)


def _plain(axes: Axes, name: str, rows: pd.DataFrame) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="epoch", title=name.replace("_", " "))
    axes.xaxis.get_major_locator().set_params(integer=True)
    _mark_stages(axes, rows)


def _both_parts(axes: Axes, name: str, rows: pd.DataFrame, *, chosen: int) -> None:
    for part, (prefix, colour) in _PARTS.items():
        axes.plot(rows["epoch"], rows[prefix + name], color=colour, marker=".", label=part)
    at = rows.loc[chosen, "epoch"], rows.loc[chosen, f"val_{name}"]
    axes.plot(*at, "o", ms=11, mfc="none", mec="black", label="chosen epoch")
    where = {"xytext": (0, 12), "textcoords": "offset points", "ha": "center"}
    axes.annotate(f"{at[1]:.3f}", at, **where)
    axes.legend(frameon=False)


def _mark_stages(axes: Axes, rows: pd.DataFrame) -> None:
    """A line where a stage ends and the next begins."""
    if "stage" not in rows:
        return
    for first in rows.groupby("stage")["epoch"].min().iloc[1:]:
        axes.axvline(first - 0.5, color=_QUIET, linestyle=":", linewidth=1.2)
        across = axes.get_xaxis_transform()  # y from 0 to 1 over the panel
        axes.text(first - 0.5, 1.0, " next stage", transform=across, va="top", color=_QUIET)
