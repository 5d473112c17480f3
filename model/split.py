"""Splitting by lesion into train, validation and test."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from model.errors import SplitError

PARTS = ("train", "validation", "test")
ISIC2019_SPLIT = Path(__file__).parent / "splits" / "isic2019.json"
"""The split of the released network, drawn once."""

_FOLDS = 20  # 14 for train, 3 for validation, 3 for test: 70 / 15 / 15 per cent
_HELD_OUT = 0.15


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
            raise SplitError(f"{name} is no part of the split. Use one of: {', '.join(PARTS)}.")
        rows = table[table["image"].isin(set(getattr(self, name)))]
        if rows.empty:
            raise SplitError(
                f"none of the {len(getattr(self, name))} {name} images of the split is in the data "
                "folder. Give the folder that the split was drawn over, or draw a new split."
            )
        return rows.reset_index(drop=True)

    def covers(self, table: pd.DataFrame) -> bool:
        """Whether most of the table's images are in the split."""
        part_of = self._part_of()
        return bool((table["image"].map(_archive_name).isin(part_of)).mean() > 0.5)

    def extended(self, table: pd.DataFrame) -> "Split":
        """Split the table's images: the listed ones as they are, the others after their lesion.

        An image that is not listed goes where listed images of its lesion are, else to train.
        """
        part_of = self._part_of()
        listed = table["image"].map(_archive_name).map(part_of)
        lesion_part = listed.groupby(table["lesion_id"]).first()  # first that is not missing
        part = listed.fillna(table["lesion_id"].map(lesion_part)).fillna("train")
        images = {name: tuple(table["image"][part == name]) for name in PARTS}
        return replace(self, **images)

    def _part_of(self) -> dict[str, str]:
        return {_archive_name(image): part for part in PARTS for image in getattr(self, part)}

    def check(self, table: pd.DataFrame, groups: np.ndarray) -> None:
        """Prove that no image is in two parts and no group (N,) of the table's rows either.

        Raises:
            SplitError: naming the first offender.
        """
        part_of = self._part_of()
        if len(part_of) < sum(len(getattr(self, part)) for part in PARTS):
            raise SplitError("an image is listed in two parts of the split. Draw a new split.")
        parts = table["image"].map(_archive_name).map(part_of)
        counts = parts.groupby(groups).nunique()
        if (counts > 1).any():
            torn = table["image"][groups == counts.idxmax()]
            raise SplitError(
                f"the split puts {', '.join(torn.head(4))}, which show one lesion, into different "
                "parts. Draw a new split."
            )

    def save(self, path: Path) -> None:
        """Write the split as JSON, one line a part."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    def to_dict(self) -> dict:
        """Plain values, with each part's names in one space-separated string."""
        parts = {part: " ".join(getattr(self, part)) for part in PARTS}
        return {"rule": self.rule, "seed": self.seed, **parts}

    @classmethod
    def from_dict(cls, values: dict) -> "Split":
        """The inverse of :meth:`to_dict`."""
        parts = {part: tuple(values[part].split()) for part in PARTS}
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


def draw_split(table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0) -> Split:
    """Draw train / validation / test 70 / 15 / 15 by lesion group.

    Stratified by diagnosis and source. The order of the table's rows does not matter. Where a
    diagnosis has under 20 lesions, the shares are as near to these as whole lesions allow.

    Args:
        table: with the columns image, diagnosis and source.
        groups: int, shape (N,), from :func:`model.duplicates.lesion_groups`.
        seed: of the drawing.

    Raises:
        SplitError: a diagnosis has fewer lesion groups than there are parts.
    """
    count = min(_FOLDS, _fewest_lesions(table, groups))
    held_out = max(1, round(_HELD_OUT * count))
    order = np.argsort(table["image"].to_numpy(), kind="stable")
    images = table["image"].to_numpy()[order]
    stratum = (table["diagnosis"] + "/" + table["source"]).to_numpy()[order]
    # Numbered by first appearance in sorted order, so that the input's order cannot matter.
    group = pd.factorize(groups[order])[0]
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    fold = np.empty(len(images), int)
    for number, (_, members) in enumerate(folds.split(images, stratum, group)):
        fold[members] = number
    place = fold // held_out
    where = {"train": place >= 2, "validation": place == 0, "test": place == 1}
    rule = (
        "70/15/15 by lesion_id, an image without one being its own lesion; identical and near "
        "duplicate photographs kept together; stratified by diagnosis and source"
    )
    parts = {part: tuple(images[mask].tolist()) for part, mask in where.items()}
    return Split(**parts, rule=rule, seed=seed)


def _archive_name(image: str) -> str:
    """The Archive's name of an image that the challenge gives out at a reduced size."""
    return image.removesuffix("_downsampled")


def _fewest_lesions(table: pd.DataFrame, groups: np.ndarray) -> int:
    """Number of lesion groups of the rarest diagnosis."""
    counts = pd.Series(groups).groupby(table["diagnosis"].to_numpy()).nunique()
    if counts.min() < len(PARTS):
        raise SplitError(
            f"{counts.idxmin()} has images of {counts.min()} lesions, fewer than the {len(PARTS)} "
            "parts of a split. Add images of it, or remove its rows from the ground truth."
        )
    return int(counts.min())
