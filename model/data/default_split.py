"""The split of a data folder for which none is named."""

from pathlib import Path

import numpy as np
import pandas as pd

from model.data.duplicates import groups_of
from model.data.folders import split_folders
from model.data.folds import split_around
from model.data.split import ISIC2019_SPLIT, PARTS, RULE, Split, draw_split
from model.errors import SplitError


def default_split(table: pd.DataFrame, *, cache_dir: Path) -> Split:
    """Keep images of ISIC 2019 to the released network's split, and give others their own.

    Where most images are in the released split, the others go where images of their lesion are,
    else to train. Several folders are split by :func:`model.data.folders.split_folders`.
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
        SplitError: what :func:`model.data.split.draw_split` refuses, or a part is missing.
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
