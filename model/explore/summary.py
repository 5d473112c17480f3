"""What is in a data folder, in numbers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES, UNKNOWN_CLASS
from model.data.dataset import SOURCES, Dataset
from model.diagnosis import DIAGNOSES
from model.patient import FIELDS, UNKNOWN

MAY_BE_UNKNOWN = (*FIELDS, "lesion_id")
"""Columns whose cells may be empty."""

_DECADE = 10  # years
_OLDEST = 80  # years; the band from here on has no upper end


def summarize_tables(table: pd.DataFrame) -> dict:
    """Count what the tables say; ``table`` is from :func:`model.data.dataset.read_tables`.

    Ages are in years, None where none is known; ``sd`` is of the sample.
    """
    ages = table["age_approx"].dropna()
    bands, order = age_bands(table)
    return {
        "rows": len(table),
        "lesions": int(table["lesion_id"].nunique()),
        "age": {
            "known": len(ages),
            "mean": _known(ages.mean()),
            "sd": _known(ages.std()),
            "youngest": _known(ages.min()),
            "oldest": _known(ages.max()),
        },
        "diagnoses": _counts(table["diagnosis"], diagnoses_in(table)),
        "sources": _counts(table["source"], sources_in(table)),
        "unknown": {field: int(unknown(table, field).sum()) for field in MAY_BE_UNKNOWN},
        "ages": _counts(bands, order),
        "shares": {
            "age": _plain(share_by(table, bands, order)),
            "sex": _plain(share_by(table, *words_of(table, "sex"))),
            "site": _plain(share_by(table, *words_of(table, "anatom_site_general"))),
        },
    }


def summarize_images(dataset: Dataset) -> dict:
    """Count the images that there are, what was left out, and the most frequent sizes (pixels)."""
    table = dataset.table
    sizes = table["width"].astype(str) + " x " + table["height"].astype(str)
    return {
        "images": len(table),
        "rows_without_image": dataset.without_image,
        "images_without_label": dataset.without_label,
        "images_labelled_unk": dataset.of_other_diagnosis,
        "images_without_class": dataset.without_class,
        "files_no_image": list(dataset.skipped),
        "sizes": {size: int(count) for size, count in sizes.value_counts().head(20).items()},
    }


def summarize_duplicates(table: pd.DataFrame, pairs: np.ndarray) -> dict:
    """Count pairs of duplicates; ``pairs`` is of ``duplicate_pairs`` over the table's images."""
    across = _across(table, pairs)
    return {
        "identical_pairs": int((pairs[:, 2] < 0).sum()),
        "near_pairs": int((pairs[:, 2] >= 0).sum()),
        "pairs_across_lesions": int(across.sum()),
        "pairs_of_two_diagnoses": int(_differ(table["diagnosis"], pairs).sum()),
    }


def pairs_across_lesions(table: pd.DataFrame, pairs: np.ndarray) -> pd.DataFrame:
    """Duplicates with different ``lesion_id``: one row per pair, most similar first."""
    chosen = pairs[_across(table, pairs)]
    chosen = chosen[np.argsort(chosen[:, 2], kind="stable")]
    left, right = (table.iloc[chosen[:, side]].reset_index(drop=True) for side in (0, 1))
    columns = {"differing bits": ["identical" if b < 0 else str(b) for b in chosen[:, 2]]}
    for name in ("image", "lesion_id", "diagnosis"):
        columns |= {name: left[name], f"{name} ": right[name]}
    return pd.DataFrame(columns)


def share_by(table: pd.DataFrame, groups: pd.Series, order: Sequence[str]) -> pd.DataFrame:
    """Share of each diagnosis within each group, one row a group that has images.

    The row's name gives the group's number of images.
    """
    counts = pd.crosstab(groups.to_numpy(), table["diagnosis"].to_numpy())
    rows = [name for name in order if name in counts.index]
    counts = counts.reindex(index=rows, columns=diagnoses_in(table), fill_value=0)
    total = counts.sum(axis=1)
    shares = counts.div(total, axis=0)
    return shares.set_axis([f"{name}  (n = {n:,})" for name, n in total.items()])


def age_bands(table: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Name each row's decade of age, and give the names in order."""
    starts = range(0, _OLDEST, _DECADE)
    names = [f"{start} to {start + _DECADE - 1}" for start in starts] + [f"{_OLDEST} and over"]
    decade = (table["age_approx"].clip(upper=_OLDEST) // _DECADE).astype("Int64")
    return decade.map(dict(enumerate(names))).fillna(UNKNOWN), [*names, UNKNOWN]


def words_of(table: pd.DataFrame, field: str) -> tuple[pd.Series, list[str]]:
    """Each row's word for sex or site, and all words in their order."""
    words = {"sex": CHALLENGE_SEXES, "anatom_site_general": CHALLENGE_SITES}[field]
    return table[field].fillna(UNKNOWN), [*words, UNKNOWN]


def unknown(table: pd.DataFrame, field: str) -> pd.Series:
    """Mark the rows whose field is not known."""
    # An image without a lesion_id bears its own name there.
    return table[field] == table["image"] if field == "lesion_id" else table[field].isna()


def diagnoses_in(table: pd.DataFrame) -> list[str]:
    """The eight codes in their order if the table has one of them, other labels, then UNK."""
    found = set(table["diagnosis"])
    eight = DIAGNOSES if found & set(DIAGNOSES) else ()
    unk = {UNKNOWN_CLASS} & found
    return [*eight, *sorted(found - set(DIAGNOSES) - unk), *unk]


def sources_in(table: pd.DataFrame) -> list[str]:
    """The sources that have rows, in their order."""
    found = set(table["source"])
    return [source for source in (*SOURCES, "other") if source in found]


def _counts(column: pd.Series, order: Sequence[str]) -> dict[str, int]:
    counts = column.value_counts()
    return {name: int(counts.get(name, 0)) for name in order}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _plain(shares: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Group → diagnosis → share, four digits."""
    return shares.round(4).to_dict(orient="index")


def _across(table: pd.DataFrame, pairs: np.ndarray) -> np.ndarray:
    return _differ(table["lesion_id"], pairs)


def _differ(column: pd.Series, pairs: np.ndarray) -> np.ndarray:
    values = column.to_numpy()
    return values[pairs[:, 0]] != values[pairs[:, 1]]
