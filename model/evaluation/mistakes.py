"""A contact sheet of the most confident mistakes. It shows photographs of the data folder."""

from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.data.dataset import table_patients
from model.evaluation.outcome import Outcome
from model.image import bright_box, read_image
from model.inference.grad_cam import overlay
from model.inference.predictor import Predictor
from model.patient import UNKNOWN, describe

_PAIRS, _PER_PAIR, _ACROSS = 12, 2, 4
_LINE = 30  # characters of what is said above a photograph


def most_confident_mistakes(outcome: Outcome) -> list[int]:
    """Positions of the two most confident mistakes of the twelve most frequent class pairs.

    Of each lesion only one image is taken.
    """
    table = pd.DataFrame(
        {
            "row": np.arange(len(outcome.labels)),
            "true": outcome.labels,
            "named": outcome.predictions,
            "confidence": outcome.confidence,
            "lesion": outcome.table["lesion_id"].to_numpy(),
        }
    )[~outcome.right]
    frequent = table.groupby(["true", "named"]).size().sort_values(ascending=False, kind="stable")
    rows = []
    for pair in frequent.index[:_PAIRS]:
        of_pair = table[(table["true"] == pair[0]) & (table["named"] == pair[1])]
        worst = of_pair.sort_values("confidence", ascending=False).drop_duplicates("lesion")
        rows += worst["row"].head(_PER_PAIR).tolist()
    return rows


def draw_mistakes(
    predictor: Predictor, outcome: Outcome, images: np.ndarray, out: Path
) -> Path | None:
    """Write ``mistakes.png``: photograph, map of the named class, context and top three.

    None if there is no mistake.
    """
    rows = most_confident_mistakes(outcome)
    if not rows:
        return None
    fields = outcome.manifest.patient.fields
    patients = table_patients(outcome.table.iloc[rows], fields)
    maps = predictor.grad_cam(np.asarray(images[rows]), patients, outcome.predictions[rows])
    said = [describe(patient, fields) or UNKNOWN for patient in patients]
    down = -(-len(rows) // _ACROSS)
    figure = Figure(figsize=(3.6 * _ACROSS, 2.6 * down), layout="constrained")
    grid = figure.subplots(down, 2 * _ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for cell, (row, cam, context) in enumerate(zip(rows, maps, said, strict=True)):
        pair = grid[cell // _ACROSS][2 * (cell % _ACROSS) : 2 * (cell % _ACROSS) + 2]
        _draw(pair, outcome, row, cam, context)
    path = out / "mistakes.png"
    figure.savefig(path, dpi=100)
    return path


def _draw(pair: list[Axes], outcome: Outcome, row: int, cam: np.ndarray, context: str) -> None:
    entry = outcome.table.iloc[row]
    photograph = read_image(entry["path"])
    if outcome.manifest.image.crop_border:
        photograph = photograph.crop(bright_box(photograph))
    pair[0].imshow(photograph)
    pair[1].imshow(overlay(photograph, cam))
    true, named = (outcome.codes[n] for n in (outcome.labels[row], outcome.predictions[row]))
    title = f"{true} named {named}\n{entry['image']}\n{fill(context, _LINE)}"
    pair[0].set_title(title, fontsize=8, loc="left")
    pair[1].set_title(_top_three(outcome, row), fontsize=8, loc="left")


def _top_three(outcome: Outcome, row: int) -> str:
    best = np.argsort(-outcome.probabilities[row])[:3]
    return "\n".join(f"{outcome.codes[n]} {outcome.probabilities[row, n]:.0%}" for n in best)
