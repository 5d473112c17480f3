"""Drawing splits by lesion: hold-out, k-fold, one source left out, and around a part that is given.

Every splitter keeps a lesion group whole and stratifies by diagnosis and source, as
``StratifiedGroupKFold`` of scikit-learn does.
"""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from model.data.duplicates import groups_of
from model.data.split import ISIC2019_SPLIT, PARTS, Split
from model.data.tables import name_some
from model.errors import SplitError

HELD_OUT = 0.15
"""Share of the images in a part that is not learned from, if none is named."""

SHARES = "70/15/15"
"""Per cent of the images in each part, if none are named."""

FOLDS = 8
"""One fold in so many of the images of further folders goes to their validation part."""

RULE = (
    "by lesion_id, an image without one being its own lesion; identical and near duplicate "
    "photographs kept together; stratified by diagnosis and source"
)


def is_shares(text: str) -> bool:
    """Whether a text is shares of the parts such as 80/10/10, and not a file's name."""
    return re.fullmatch(r"\d+(/\d+)+", text) is not None


def draw_split(
    table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0, shares: str = SHARES
) -> Split:
    """Draw train / validation / test by lesion group.

    Stratified by diagnosis and source; every part has every diagnosis. The order of the table's
    rows does not matter. In small folders the shares are as near to these as whole lesions allow.

    Args:
        table: with the columns image, diagnosis and source.
        groups: int, shape (N,), from :func:`model.data.duplicates.lesion_groups`.
        seed: of the random draw.
        shares: per cent of the images in each part, in whole numbers.

    Raises:
        SplitError: the shares are not three that make 100, or a diagnosis has fewer lesion groups
            than there are parts.
    """
    train, validation, test = _shares(shares)
    rows = sorted_rows(table, groups)
    require_lesions(rows, len(PARTS))
    folds = 100 // math.gcd(train, validation, test)  # 20 for 70 / 15 / 15: 14, 3 and 3 of them
    # scikit-learn wants no more folds than the largest stratum has images, nor than lesion groups.
    count = min(folds, rows["stratum"].value_counts().max(), rows["group"].nunique())
    ends = np.cumsum([max(1, round(share / 100 * count)) for share in (validation, test)])
    place = np.digitize(stratified_folds(rows, count, seed=seed), ends)
    place = with_every_diagnosis(rows, place, 3)
    where = {"train": place == 2, "validation": place == 0, "test": place == 1}
    parts = {part: tuple(rows["image"][mask]) for part, mask in where.items()}
    return Split(**parts, rule=f"{shares} {RULE}", seed=seed)


def _shares(text: str) -> tuple[int, ...]:
    numbers = tuple(int(word) for word in text.split("/")) if is_shares(text) else ()
    if len(numbers) != len(PARTS) or sum(numbers) != 100 or min(numbers) < 1:
        raise SplitError(
            f"the shares {text} are not three whole numbers above 0 that make 100, for "
            f"{', '.join(PARTS)}. Give such as 80/10/10."
        )
    return numbers


def sorted_rows(table: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    """The columns that splitters need, so that the order of the table's rows cannot matter.

    Sorted by image, with the columns image, diagnosis, stratum and group, the groups numbered by
    first appearance.
    """
    stratum = table["diagnosis"] + "/" + table["source"]
    rows = table[["image", "diagnosis"]].assign(stratum=stratum, group=groups)
    rows = rows.sort_values("image", kind="stable", ignore_index=True)
    return rows.assign(group=pd.factorize(rows["group"])[0])


def require_lesions(rows: pd.DataFrame, parts: int) -> None:
    """Check that each of two or more diagnoses has as many lesion groups as there are parts.

    Raises:
        SplitError: naming the only diagnosis, or the rarest and its images.
    """
    counts = rows.groupby("diagnosis")["group"].nunique()
    if len(counts) < 2:
        raise SplitError(
            f"all {len(rows):,} images are labelled {counts.index[0]}. Add images of another class."
        )
    if counts.min() < parts:
        rarest = counts.idxmin()
        images = rows["image"][rows["diagnosis"] == rarest].tolist()
        raise SplitError(
            f"{rarest} has images of {counts.min()} lesions, fewer than the {parts} parts of a "
            f"split: {name_some(images)}. Add images of it, or remove its rows from the ground "
            "truth."
        )


def stratified_folds(rows: pd.DataFrame, count: int, *, seed: int) -> np.ndarray:
    """Number the fold of each of the :func:`sorted_rows`, whole groups together: int, (N,)."""
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second; the page needs none

    if count < 2:  # too few for a library that wants two
        return np.zeros(len(rows), int)
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    fold = np.empty(len(rows), int)
    with warnings.catch_warnings():
        # Of strata with fewer images than folds, which with_every_diagnosis looks after.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        split = folds.split(rows["image"], rows["stratum"], rows["group"])
        for number, (_, members) in enumerate(split):
            fold[members] = number
    return fold


def with_every_diagnosis(rows: pd.DataFrame, part: np.ndarray, parts: int) -> np.ndarray:
    """Give each part a lesion of every diagnosis, from the part that has most lesions of it.

    ``part`` (N,) are numbers below ``parts``. Moves the lesion group with the fewest images.
    """
    part = part.copy()
    for _, mine in rows.groupby("diagnosis"):
        for wanted in range(parts):
            sizes = mine.groupby([part[mine.index], "group"]).size()
            if wanted not in sizes.index.get_level_values(0):
                donor = sizes.groupby(level=0).size().idxmax()
                part[rows["group"] == sizes[donor].idxmin()] = wanted
    return part


def split_folders(table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0) -> Split:
    """Split the images of several folders, those of ISIC 2019 as the released split has them.

    Of the others, an image of a group (N,) with a held-out image of ISIC 2019 is in no part, and
    one eighth, by group and stratified by diagnosis and source, is added to the validation part.
    """
    released = Split.load(ISIC2019_SPLIT)
    part = released.parts_of(table)
    others = part.isna().to_numpy()
    held_out = np.unique(groups[part.isin(["validation", "test"]).to_numpy()])
    trained = np.unique(groups[(part == "train").to_numpy()])
    rows = sorted_rows(table[others], groups[others])
    count = min(FOLDS, int(rows["stratum"].value_counts().max()))  # in small folders
    fold = pd.Series(count > 1 and stratified_folds(rows, count, seed=seed) == 0, rows["image"])
    chosen = np.where(fold[table["image"][others]], "validation", "train")
    chosen[np.isin(groups[others], trained)] = "train"
    part[others] = np.where(np.isin(groups[others], held_out), "none", chosen)
    parts = {name: tuple(table["image"][part == name]) for name in ("train", "validation", "test")}
    return Split(**parts, rule=f"released split, and of further folders 7/1/0 {RULE}", seed=seed)


def draw_folds(
    table: pd.DataFrame, groups: np.ndarray, *, folds: int = 5, seed: int = 0
) -> list[Split]:
    """Draw as many splits as folds: each image is tested once.

    In split number n, fold n is the test part, the next fold the validation part, and the others
    are for training. Every fold has every diagnosis. Table and groups are as in
    :func:`draw_split`.

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
    """Draw one split per source, whose images are the test part (leave one source out).

    Of the lesions of the other sources, 15 % are for validation. An image of another source whose
    lesion group has an image of the test part is in no part. Table and groups are as in
    :func:`draw_split`.

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


def default_split(table: pd.DataFrame, *, cache_dir: Path) -> Split:
    """Keep images of ISIC 2019 to the released network's split, and give others their own.

    Where most images are in the released split, the others go where images of their lesion are,
    else to train. Several folders are split by :func:`split_folders`.
    ``table`` is of :func:`model.data.dataset.read_folder`.
    """
    if table["part"].any():
        return own_split(table, groups_of(table, cache_dir=cache_dir))
    if "folder" in table:
        return split_folders(table, groups_of(table, cache_dir=cache_dir))
    shipped = Split.load(ISIC2019_SPLIT)
    if shipped.parts_of(table).notna().all():
        return shipped.extended(table)
    groups = groups_of(table, cache_dir=cache_dir)
    return shipped.extended(table, groups) if shipped.covers(table) else own_split(table, groups)


def own_split(table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0) -> Split:
    """Keep to the parts of a folder that is divided already, and draw one by lesion for others.

    A training image whose lesion group (N,) has an image in another part is in no part, and so is
    such a validation image with one in the test part. Without a validation part, 15 % of the
    training images become it.

    Raises:
        SplitError: what :func:`draw_split` refuses, or a part is missing.
    """
    if not table["part"].any():
        return draw_split(table, groups, seed=seed)
    rows = {part: (table["part"] == part).to_numpy() for part in PARTS}
    if not (rows["train"].any() and rows["test"].any()):
        raise SplitError(
            f"the folder has {', '.join(sorted(set(table['part'])))}, but a divided one needs both "
            "train and test. Add the missing folder, or name the folder of the classes themselves."
        )
    if not rows["validation"].any():
        return split_around(rows["test"], table, groups, name="the folder's test part", seed=seed)
    rows["validation"] = rows["validation"] & ~np.isin(groups, groups[rows["test"]])
    judged = rows["test"] | rows["validation"]
    rows["train"] = rows["train"] & ~np.isin(groups, groups[judged])
    images = {part: tuple(table["image"][mask]) for part, mask in rows.items()}
    return Split(**images, rule=f"the folder's own parts {RULE}", seed=seed)
