"""The headline figures by group of patients and images, and the largest gap between two groups."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from model.data.context import table_groups
from model.evaluation.intervals import Interval, interval
from model.evaluation.metrics import mean_of_known
from model.evaluation.outcome import Outcome, headline_draws
from model.patient import FIELDS, UNKNOWN, Field

FEWEST_IMAGES = 50  # of a group, for it to be compared; a gap of fewer is mostly chance
FEWEST_CASES = 10  # of a class in both groups, for its recall to be compared


def group_names(table: pd.DataFrame, fields: Sequence[Field] = FIELDS) -> pd.DataFrame:
    """Name each image's group by dimension, one column per dimension.

    The dimensions are the fields of the patients, by key, and the source; a value that is not known
    is a group of its own.
    """
    groups = {field.key: table_groups(table, field) for field in fields}
    return pd.DataFrame(groups | {"source": table["source"].to_numpy()})


def subgroup_figures(outcome: Outcome, groups: pd.DataFrame) -> dict[str, dict]:
    """Figures of every group, and the largest gap in each dimension.

    ``groups`` is as of :func:`group_names`; a missing name leaves the image out of its dimension.
    """
    return {name: _dimension(outcome, groups[name]) for name in groups}


def largest_gap(subgroups: dict[str, dict]) -> dict | None:
    """The dimension with the largest gap in balanced accuracy; None where nothing compares."""
    gaps = [
        {"dimension": name, **found["gap"]} for name, found in subgroups.items() if found["gap"]
    ]
    return max(gaps, key=lambda gap: gap["difference"]["value"], default=None)


def _dimension(outcome: Outcome, names: pd.Series) -> dict:
    drawn, groups, names = {}, {}, names.astype("category")
    for name in names.cat.remove_unused_categories().cat.categories:
        rows = (names == name).to_numpy()
        figures = headline_draws(outcome, rows)
        drawn[name] = rows, figures.pop("recalls")
        groups[name] = {
            "images": int(rows.sum()),
            "lesions": int(outcome.table["lesion_id"][rows].nunique()),
            **_melanomas(outcome, rows),
            **{key: interval(values) for key, values in figures.items()},
        }
    return {"groups": groups, "gap": _gap(outcome, drawn)}


def _melanomas(outcome: Outcome, rows: np.ndarray) -> dict[str, int]:
    if "MEL" not in outcome.codes:
        return {}
    return {"melanomas": int((outcome.labels[rows] == outcome.codes.index("MEL")).sum())}


def _gap(outcome: Outcome, drawn: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict | None:
    """The pair of groups that differ most in mean recall over the classes that both have.

    Groups differ in their mix of diagnoses, so their balanced accuracies are not compared as
    they stand. The interval is not corrected for having looked at all pairs.
    """
    gaps = []
    for (better, (a, recalls_a)), (worse, (b, recalls_b)) in combinations(drawn.items(), 2):
        shared = (_cases(outcome, a) >= FEWEST_CASES) & (_cases(outcome, b) >= FEWEST_CASES)
        compared = [name for name in (better, worse) if name != UNKNOWN]
        if shared.sum() < 2 or min(a.sum(), b.sum()) < FEWEST_IMAGES or len(compared) < 2:
            continue
        difference = mean_of_known(recalls_a[:, shared]) - mean_of_known(recalls_b[:, shared])
        if difference[0] < 0:
            better, worse, difference = worse, better, -difference
        codes = [code for code, is_shared in zip(outcome.codes, shared, strict=True) if is_shared]
        found: Interval = interval(difference)
        gaps.append({"better": better, "worse": worse, "difference": found, "classes": codes})
    return max(gaps, key=lambda gap: gap["difference"]["value"], default=None)


def _cases(outcome: Outcome, rows: np.ndarray) -> np.ndarray:
    return np.bincount(outcome.labels[rows], minlength=len(outcome.codes))
