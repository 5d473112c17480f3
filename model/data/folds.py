"""Splits in series: k-fold, and one source left out at a time.

Each is a :class:`model.data.split.Split` by the same lesion groups as the hold-out split.
"""

import numpy as np
import pandas as pd

from model.data.split import (
    HELD_OUT,
    RULE,
    Split,
    require_lesions,
    sorted_rows,
    stratified_folds,
    with_every_diagnosis,
)
from model.errors import SplitError


def draw_folds(
    table: pd.DataFrame, groups: np.ndarray, *, folds: int = 5, seed: int = 0
) -> list[Split]:
    """Draw as many splits as folds: each image is tested once.

    In split number n, fold n is the test part, the next fold the validation part, and the others
    are for training. Every fold has every diagnosis. Table and groups are as in
    :func:`model.data.split.draw_split`.

    Raises:
        SplitError: fewer than 3 folds, or a diagnosis has fewer lesion groups than folds.
    """
    if folds < 3:
        raise SplitError(
            f"{folds} folds leave no part for training, validation and test each. Use 3 or more."
        )
    rows = sorted_rows(table, groups)
    require_lesions(rows, folds)
    fold = with_every_diagnosis(rows, _folds(rows, folds, seed), folds)
    splits = []
    for number in range(folds):
        validation, test = fold == (number + 1) % folds, fold == number
        where = (~test & ~validation, validation, test)
        rule = f"fold {number + 1} of {folds} {RULE}"
        splits.append(Split(*(tuple(rows["image"][m]) for m in where), rule=rule, seed=seed))
    return splits


def draw_source_splits(
    table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0
) -> dict[str, Split]:
    """Draw one split per source, whose images are the test part: what does a new clinic cost?

    Of the lesions of the other sources, 15 % are for validation. An image of another source whose
    lesion group has an image of the test part is in no part. Table and groups are as in
    :func:`model.data.split.draw_split`.

    Raises:
        SplitError: there is only one source, or the others lack a diagnosis or have it in
            fewer than two lesion groups.
    """
    sources = sorted(table["source"].unique())
    if len(sources) < 2:
        raise SplitError(
            f"all images are from {sources[0]}. Leaving a source out needs two or more; draw folds."
        )
    drawn = {}
    for source in sources:
        test = (table["source"] == source).to_numpy()
        drawn[source] = split_around(test, table, groups, name=source, seed=seed)
    return drawn


def split_around(
    test: np.ndarray, table: pd.DataFrame, groups: np.ndarray, *, name: str, seed: int = 0
) -> Split:
    """Draw training and validation part around a given test part, rows ``test`` (N,) of the table.

    ``name`` says what is tested. An image whose lesion group has an image of the test part is in
    no part.

    Raises:
        SplitError: what is left lacks a diagnosis, or has it in fewer than two lesion groups.
    """
    others = ~np.isin(groups, groups[test])
    _require_learned(table["diagnosis"], others, name)
    rows = sorted_rows(table[others], groups[others])
    require_lesions(rows, 2)
    # A diagnosis cannot be dealt out among more folds than it has images.
    folds = min(round(1 / HELD_OUT), int(rows["diagnosis"].value_counts().max()))
    place = np.minimum(_folds(rows, folds, seed), 1)
    validation = with_every_diagnosis(rows, place, 2) == 0
    return Split(
        tuple(rows["image"][~validation]),
        tuple(rows["image"][validation]),
        tuple(sorted(table["image"][test])),
        rule=f"test: {name}; of the others 15 % for validation {RULE}",
        seed=seed,
    )


def _require_learned(diagnoses: pd.Series, others: np.ndarray, source: str) -> None:
    missing = set(diagnoses) - set(diagnoses[others])
    if missing:
        raise SplitError(
            f"without {source}, no image of {', '.join(sorted(missing))} is left to learn from. "
            "Draw folds, or remove such rows from the ground truth."
        )


def _folds(rows: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    if rows["stratum"].value_counts().max() < count:
        # Too few images per source to stratify by it.
        rows = rows.assign(stratum=rows["diagnosis"])
    return stratified_folds(rows, count, seed=seed)
