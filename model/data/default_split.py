"""The split of a data folder for which none is named."""

from pathlib import Path

import pandas as pd

from model.data.duplicates import groups_of
from model.data.split import ISIC2019_SPLIT, Split, draw_split


def default_split(table: pd.DataFrame, *, cache_dir: Path) -> Split:
    """Keep images of ISIC 2019 to the released network's split, and draw one by lesion for others.

    Where most images are in the released split, the others go where images of their lesion are,
    else to train. ``table`` is of :func:`model.data.dataset.read_folder`.
    """
    shipped = Split.load(ISIC2019_SPLIT)
    if shipped.parts_of(table).notna().all():
        return shipped.extended(table)
    groups = groups_of(table, cache_dir=cache_dir)
    return shipped.extended(table, groups) if shipped.covers(table) else draw_split(table, groups)
