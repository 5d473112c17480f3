"""A split into train, validation and test: which images are in which part, and as a file."""

import json
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

    def among(self, table: pd.DataFrame) -> "Split":
        """Leave out the images that are not in the table."""
        there = set(map(archive_id, table["image"]))
        kept = {
            name: tuple(image for image in getattr(self, name) if archive_id(image) in there)
            for name in PARTS
        }
        return replace(self, **kept)

    def _part_of(self) -> dict[str, str]:
        return {archive_id(image): part for part in PARTS for image in getattr(self, part)}

    def check(self, table: pd.DataFrame, groups: np.ndarray) -> None:
        """Check that no image is in two parts, and no lesion group (N,) of the table's rows.

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
                f"parts; {(counts > 1).sum()} lesions are split across parts. Draw a new split."
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


def _packed(names: tuple[str, ...]) -> str | list[str]:
    text = " ".join(names)
    return text if _unpacked(text) == list(names) else list(names)


def _unpacked(names: str | list[str]) -> list[str]:
    return names.split() if isinstance(names, str) else names
