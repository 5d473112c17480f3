"""Diagrams of a search, from its leaderboard."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from model.tuning.trials import ABOUT, FINISHED

_DPI = 110
_FEWEST = 8  # finished trials, for importances to mean anything


def draw_search_figures(table: pd.DataFrame, out: Path, *, objective: str) -> list[Path]:
    """Draw a leaderboard; returns the files. Figures that need more trials are left out."""
    figures = {
        "objective_over_time.png": time_figure(table, objective=objective),
        "parallel_coordinates.png": parallel_figure(table, objective=objective),
        "importance.png": importance_figure(table),
    }
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in drawn.items():
        figure.savefig(out / name, dpi=_DPI)
    return [out / name for name in drawn]


def time_figure(table: pd.DataFrame, *, objective: str) -> Figure:
    """Objective of each trial and the best so far, against minutes since the start."""
    rows = _finished(table).sort_values("ended")
    minutes = rows["ended"].astype(float) / 60
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    points = axes.scatter(minutes, rows["objective"], c=rows["epochs"].astype(int), s=28)
    axes.step(minutes, rows["objective"].cummax(), where="post", color="black", label="best so far")
    for minute in table.loc[table["status"] == "failed", "ended"].astype(float) / 60:
        axes.axvline(minute, color="firebrick", alpha=0.4, linewidth=1)
    figure.colorbar(points, ax=axes, label="epochs trained")
    axes.set(xlabel="minutes since the start", ylabel=f"validation {_words(objective)}")
    axes.legend(loc="lower right")
    return figure


def parallel_figure(table: pd.DataFrame, *, objective: str) -> Figure:
    """One line per trial across its settings and its objective, the best drawn last and darkest."""
    rows = _finished(table).sort_values("objective")
    names = searched(rows)
    figure = Figure(figsize=(1.6 + 1.25 * len(names), 5), layout="constrained")
    axes = figure.subplots()
    columns = [_scaled(rows[name]) for name in [*names, "objective"]]
    heights = np.stack([column for column, _ in columns], axis=1)
    shades = colormaps["viridis_r"](np.linspace(0, 1, len(rows)))
    for height, shade in zip(heights, shades, strict=True):
        axes.plot(height, color=shade, alpha=0.75, linewidth=1.2)
    for place, (_, ticks) in enumerate(columns):
        _axis(axes, place, ticks)
    labels = [*map(_words, names), _words(objective)]
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    axes.set(yticks=[], ylim=(-0.05, 1.05), xlim=(-0.2, len(names) + 0.6))
    return figure


def importance_figure(table: pd.DataFrame) -> Figure | None:
    """Importances as bars; None if there are too few trials."""
    importance = importances(table)
    if importance is None:
        return None
    figure = Figure(figsize=(7, 1 + 0.34 * len(importance)), layout="constrained")
    axes = figure.subplots()
    rows = importance[::-1]
    axes.barh([_words(name) for name in rows.index], rows["mean"], xerr=rows["sd"], color="teal")
    axes.set_xlabel("fall of the forest's R² when the setting is shuffled")
    return figure


def importances(table: pd.DataFrame) -> pd.DataFrame | None:
    """How important each setting is for the objective: columns mean and sd, the highest first.

    Permutation importance (Breiman 2001) in a random forest that predicts the objective from the
    settings and the epochs trained; on the trials it was fitted to, so it describes this search
    and no other. None with fewer than eight finished trials.
    """
    rows = _finished(table)
    names = searched(rows)
    if len(rows) < _FEWEST or not names:
        return None
    inputs = np.stack([_scaled(rows[name])[0] for name in [*names, "epochs"]], axis=1)
    goal = rows["objective"].astype(float)
    forest = RandomForestRegressor(300, min_samples_leaf=2, random_state=0).fit(inputs, goal)
    found = permutation_importance(forest, inputs, goal, n_repeats=20, random_state=0)
    values = {"mean": found.importances_mean[:-1], "sd": found.importances_std[:-1]}
    return pd.DataFrame(values, index=names).sort_values("mean", ascending=False)


def searched(rows: pd.DataFrame) -> list[str]:
    """The settings that took more than one value, in the leaderboard's order."""
    return [name for name in rows if name not in ABOUT and rows[name].nunique() > 1]


def _finished(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[table["status"] == FINISHED]
    return rows.assign(objective=rows["objective"].astype(float))


def _scaled(values: pd.Series) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Heights in [0, 1] (N,), and the (height, text) of a few ticks.

    Words stand evenly in the order of the alphabet, numbers by size, by order of magnitude if they
    span more than two; unknown ones, of settings searched only beside others, at 0.
    """
    if values.dtype == bool or not pd.api.types.is_numeric_dtype(values):
        words = sorted(values.dropna().astype(str).unique())
        places = {word: n / max(1, len(words) - 1) for n, word in enumerate(words)}
        heights = values.astype(str).map(places).fillna(0.0).to_numpy(float)
        return heights, [(place, word) for word, place in places.items()]
    numbers = values.to_numpy(float)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    wide = low > 0 and high / low > 20
    ends = np.log([low, high]) if wide else np.array([low, high])
    heights = ((np.log(numbers) if wide else numbers) - ends[0]) / max(ends[1] - ends[0], 1e-12)
    return np.nan_to_num(heights), [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]


def _axis(axes: Axes, place: int, ticks: list[tuple[float, str]]) -> None:
    axes.axvline(place, color="lightgrey", linewidth=1, zorder=0)
    for height, text in ticks:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.text(place + 0.04, height, text, fontsize="small", va="center", bbox=box)


def _words(name: str) -> str:
    return name.replace("_", " ")
