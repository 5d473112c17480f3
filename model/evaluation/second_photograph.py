"""What a second photograph of a lesion is worth: one answer for both beside that for each."""

import numpy as np

from model.evaluation.context_worth import worth_figures
from model.evaluation.evaluate import outcome_of
from model.evaluation.intervals import interval
from model.evaluation.outcome import Outcome
from model.inference.prediction_table import same_lesion

SIDES = ("one", "two", "difference")
"""Of a comparison: figures of one photograph are the mean over both."""


def second_photograph(outcome: Outcome, *, seed: int = 0) -> dict | None:
    """Compare the answers for two photographs, drawn from each lesion that has several.

    Gives ``lesions``, their number, and ``figures``: name → ``one``, ``two``, ``difference``. None
    where no lesion has two.
    """
    shuffled = np.random.default_rng(seed).permutation(len(outcome.table))
    rows: dict[str, list[int]] = {}
    for row in shuffled:
        rows.setdefault(str(outcome.table["lesion_id"].iloc[row]), []).append(int(row))
    pairs = np.array([found[:2] for found in rows.values() if len(found) > 1])
    if not len(pairs):
        return None
    first, second = outcome.probabilities[pairs.T]
    both = np.stack([same_lesion(np.stack(rows)) for rows in zip(first, second, strict=True)])
    table = outcome.table.iloc[pairs[:, 0]].reset_index(drop=True)
    draws = len(outcome.bootstrap.times)
    one, other, two = (
        worth_figures(outcome_of(table, answers, outcome.manifest, draws=draws))
        for answers in (first, second, both)
    )
    return {
        "lesions": len(pairs),
        "figures": {key: _compared((one[key] + other[key]) / 2, two[key]) for key in two},
    }


def _compared(one: np.ndarray, two: np.ndarray) -> dict:
    drawn = one, two, two - one
    return {side: interval(values) for side, values in zip(SIDES, drawn, strict=True)}
