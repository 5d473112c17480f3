"""Splitting by lesion into train, validation and test."""

import json
import math
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import archive_id
from model.data.tables import name_some
from model.errors import SplitError

PARTS = ("train", "validation", "test")
ISIC2019_SPLIT = Path(__file__).parents[1] / "splits" / "isic2019.json"
"""The split of the released network, drawn once."""

HELD_OUT = 0.15
"""Share of the images in a part that is not learned from, if none is named."""

SHARES = "70/15/15"
"""Per cent of the images in each part, if none are named."""

RULE = (
    "by lesion_id, an image without one being its own lesion; identical and near duplicate "
    "photographs kept together; stratified by diagnosis and source"
)


@dataclass(frozen=True)
class Split:
    """Names of the images of each part, and the rule that drew them."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    rule: str
    seed: int

    def part(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Select the rows of one part, in the table's order.

        Raises:
            SplitError: no such part, or none of its images is in the table.
        """
        if name not in PARTS:
            raise SplitError(f"{name} is not a part of the split. Use one of: {', '.join(PARTS)}.")
        rows = table[self.parts_of(table) == name]
        if rows.empty:
            raise SplitError(
                f"none of the {len(getattr(self, name))} {name} images of the split is in the data "
                "folder. Give the folder that the split was drawn over, or draw a new split."
            )
        return rows.reset_index(drop=True)

    def covers(self, table: pd.DataFrame) -> bool:
        """Whether most of the table's images are in the split."""
        return bool(self.parts_of(table).notna().mean() > 0.5)

    def parts_of(self, table: pd.DataFrame) -> pd.Series:
        """The part of each of the table's images; missing where the split does not list it."""
        return table["image"].map(archive_id).map(self._part_of())

    def extended(self, table: pd.DataFrame, groups: np.ndarray | None = None) -> "Split":
        """Split the table's images: the listed ones as they are, the others after their group.

        An image that is not listed goes where listed images of its lesion group (N,) are, else to
        train. Without ``groups``, lesions are the groups.
        """
        group = table["lesion_id"] if groups is None else pd.Series(groups, table.index)
        listed = self.parts_of(table)
        group_part = listed.groupby(group).first()  # first that is not missing
        part = listed.fillna(group.map(group_part)).fillna("train")
        images = {name: tuple(table["image"][part == name]) for name in PARTS}
        return replace(self, **images)

    def held_out_with(self, table: pd.DataFrame, has_class: np.ndarray) -> "Split":
        """Leave the table's images without a class, bool (N,), out of validation and test."""
        without = set(table["image"][~has_class])
        kept = {
            name: tuple(image for image in getattr(self, name) if image not in without)
            for name in PARTS[1:]
        }
        return replace(self, **kept)

    def _part_of(self) -> dict[str, str]:
        return {archive_id(image): part for part in PARTS for image in getattr(self, part)}

    def check(self, table: pd.DataFrame, groups: np.ndarray) -> None:
        """Prove that no image is in two parts and no group (N,) of the table's rows either.

        Raises:
            SplitError: naming the first offender.
        """
        listed = pd.Series([image for part in PARTS for image in getattr(self, part)], dtype=str)
        twice = listed[listed.map(archive_id).duplicated()].tolist()
        if twice:
            raise SplitError(f"the split lists {name_some(twice)} twice. Draw a new split.")
        counts = self.parts_of(table).groupby(groups).nunique()
        if (counts > 1).any():
            torn = table["image"][groups == counts.idxmax()]
            raise SplitError(
                f"the split puts {name_some(torn.tolist())}, which show one lesion, into different "
                f"parts; {(counts > 1).sum()} lesions are torn. Draw a new split."
            )

    def save(self, path: Path) -> None:
        """Write the split as JSON, one line per part."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    def to_dict(self) -> dict:
        """Plain values; each part's names are one space-separated text, or a list if need be."""
        parts = {part: _packed(getattr(self, part)) for part in PARTS}
        return {"rule": self.rule, "seed": self.seed, **parts}

    @classmethod
    def from_dict(cls, values: dict) -> "Split":
        """The inverse of :meth:`to_dict`."""
        parts = {part: tuple(_unpacked(values[part])) for part in PARTS}
        return cls(**parts, rule=values["rule"], seed=values["seed"])

    @classmethod
    def load(cls, path: Path) -> "Split":
        """Read a saved split.

        Raises:
            SplitError: the file is missing or is no split.
        """
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SplitError(
                f"{path} is not a saved split ({error}). Write one with: python -m model split"
            ) from error


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
        seed: of the drawing.
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
    """What a drawing needs of a table, so that the order of its rows cannot matter.

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


def _packed(names: tuple[str, ...]) -> str | list[str]:
    text = " ".join(names)
    return text if _unpacked(text) == list(names) else list(names)


def _unpacked(names: str | list[str]) -> list[str]:
    return names.split() if isinstance(names, str) else names
