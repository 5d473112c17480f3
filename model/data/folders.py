"""Several data folders as one, such as ISIC 2019 and photographs of further clinics."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from model.data.dataset import Dataset, read_folder
from model.data.split import ISIC2019_SPLIT, RULE, Split, sorted_rows, stratified_folds
from model.data.tables import name_some
from model.errors import DataError
from model.patient import FIELDS, Field

FOLDS = 8
"""Of the images of further folders, one fold in so many becomes their validation part."""

_SAME = 0.95  # share of a folder's known values that makes a field say nothing but the folder


def read_folders(
    folders: Sequence[Path], *, task: str, fields: Sequence[Field] = FIELDS
) -> Dataset:
    """Read and check data folders for a training; see :func:`model.data.dataset.read_folder`.

    Images whose label leaves the class open stay in, to be learned from as such. Of several
    folders, one that holds no image of the released split is a source of its own, by its name; a
    field that has one value nearly everywhere in such a folder is unknown there, since it would
    tell the folder and not the patient.

    Raises:
        DataError: what ``read_folder`` refuses, two folders of one name, or an image in two.
    """
    read = {
        folder.resolve(): read_folder(folder, task=task, fields=fields, coarse=True)
        for folder in folders
    }
    if len(read) == 1:
        return next(iter(read.values()))
    names = [folder.name for folder in read]
    if len(set(names)) < len(names):
        raise DataError(f"two folders are called {max(names, key=names.count)}. Rename one.")
    listed = Split.load(ISIC2019_SPLIT)
    tables = []
    for folder, dataset in read.items():
        table = dataset.table
        if not listed.covers(table):
            table = _hide_constant_fields(table.assign(source=folder.name), fields)
        tables.append(table.assign(folder=folder.name))
    together = pd.concat(tables, ignore_index=True).sort_values("image", ignore_index=True)
    twice = together["image"][together["image"].duplicated()]
    if len(twice):
        raise DataError(
            f"{name_some(twice.tolist())} are in two folders. Remove them from one of them."
        )
    counts = ("without_image", "of_other_diagnosis", "without_label", "without_class")
    sums = {name: sum(getattr(one, name) for one in read.values()) for name in counts}
    first = next(iter(read.values()))
    notes = tuple(note for one in read.values() for note in one.notes)
    return replace(first, table=together, notes=notes, **sums)


def _hide_constant_fields(table: pd.DataFrame, fields: Sequence[Field]) -> pd.DataFrame:
    for field in fields:
        known = table[field.column].dropna()
        if len(known) and known.value_counts(normalize=True).iloc[0] >= _SAME:
            source = table["source"].iloc[0]
            print(
                f"{source}: {field.column} is always {known.iloc[0]}, and left out", file=sys.stderr
            )
            table = table.assign(**{field.column: None})
    return table


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
