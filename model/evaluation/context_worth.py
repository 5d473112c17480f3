"""What patient context is worth: figures with it beside those of the image alone, paired."""

from dataclasses import replace

import numpy as np
import pandas as pd

from model.evaluation.intervals import Interval, interval
from model.evaluation.metrics import mean_of_known, share
from model.evaluation.outcome import Outcome, class_figures
from model.evaluation.subgroups import FEWEST_IMAGES

WORTH = ("balanced_accuracy", "accuracy", "macro_auc", "melanoma_auc")
"""Figures that are compared, as far as the task has them."""

SIDES = ("alone", "with_context", "difference")
"""Of a comparison; the difference is with context less the image alone."""


def context_worth(outcome: Outcome, alone: np.ndarray, groups: pd.DataFrame) -> dict:
    """Compare the outcome with what the image alone (N, classes) would have given.

    - figures: name → comparison over all images
    - groups: dimension → group → images, and the comparison of its balanced accuracy; groups of
      fewer than 50 images are left out
    - changed: share of the images whose most probable class context changes; right_alone and
      right_with_context: how often that class is the true one among them, before and after

    ``groups`` is as of :func:`model.evaluation.subgroups.group_names`.
    """
    without = replace(outcome, probabilities=alone)
    pairs = worth_figures(without), worth_figures(outcome)
    return {
        "figures": {key: _compared(*(found[key] for found in pairs)) for key in pairs[0]},
        "groups": {name: _by_group(without, outcome, groups[name]) for name in groups},
        **_first_answers(without, outcome),
    }


def worth_figures(outcome: Outcome) -> dict[str, np.ndarray]:
    """The figures of :data:`WORTH` that the task has, in every draw: (1 + draws,) each."""
    found = class_figures(outcome.labels, outcome.probabilities, outcome.bootstrap)
    if "MEL" in outcome.codes:
        found["melanoma_auc"] = found["aucs"][:, outcome.codes.index("MEL")]
    return {key: found[key] for key in WORTH if key in found}


def _compared(alone: np.ndarray, whole: np.ndarray) -> dict[str, Interval]:
    drawn = alone, whole, whole - alone
    return {side: interval(values) for side, values in zip(SIDES, drawn, strict=True)}


def _by_group(without: Outcome, outcome: Outcome, names: pd.Series) -> dict[str, dict]:
    found = {}
    for name, count in names.value_counts().sort_index().items():
        if count >= FEWEST_IMAGES:
            rows = (names == name).to_numpy()
            compared = _compared(_balanced(without, rows), _balanced(outcome, rows))
            found[name] = {"images": int(count), **compared}
    return found


def _balanced(outcome: Outcome, rows: np.ndarray) -> np.ndarray:
    """Mean recall over the classes that a group has: (1 + draws,)."""
    truth = np.eye(len(outcome.codes))[outcome.labels] * rows[:, None]
    sums = outcome.bootstrap.sums(np.c_[truth, truth * outcome.correct[:, None]])
    cases, hits = np.split(sums, 2, axis=1)
    return mean_of_known(share(hits, cases))


def _first_answers(without: Outcome, outcome: Outcome) -> dict[str, Interval]:
    moved = without.predictions != outcome.predictions
    sides = [np.ones(len(moved)), moved, moved & without.correct, moved & outcome.correct]
    images, changed, before, after = outcome.bootstrap.sums(np.stack(sides, axis=1)).T
    return {
        "changed": interval(share(changed, images)),
        "right_alone": interval(share(before, changed)),
        "right_with_context": interval(share(after, changed)),
    }
