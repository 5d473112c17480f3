"""What is in a data folder, in numbers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.context import table_groups
from model.data.dataset import Dataset
from model.data.formats import SOURCES
from model.diagnosis import DIAGNOSES
from model.patient import FIELDS, Field, NumberField


def summarize_tables(table: pd.DataFrame) -> dict:
    """Count what the tables say; ``table`` is from :func:`model.data.dataset.read_tables`.

    Entries of fields are by key. A number's figures are None where none is known; ``sd`` is of the
    sample.
    """
    return {
        "rows": len(table),
        "lesions": int(table["lesion_id"].nunique()),
        "numbers": {
            field.key: _figures(table[field.column].dropna())
            for field in FIELDS
            if isinstance(field, NumberField)
        },
        "diagnoses": _counts(table["diagnosis"], diagnoses_in(table)),
        "sources": _counts(table["source"], sources_in(table)),
        "unknown": {name: int(rows.sum()) for name, rows in unknown_fields(table).items()},
        "groups": {f.key: _counts(table_groups(table, f), f.groups) for f in FIELDS},
        "shares": {f.key: _plain(share_by_field(table, f)) for f in FIELDS},
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
    """Share of each diagnosis within each group, one row per group that has images.

    The row's name gives the group's number of images.
    """
    counts = pd.crosstab(groups.to_numpy(), table["diagnosis"].to_numpy())
    rows = [name for name in order if name in counts.index]
    counts = counts.reindex(index=rows, columns=diagnoses_in(table), fill_value=0)
    total = counts.sum(axis=1)
    shares = counts.div(total, axis=0)
    return shares.set_axis([f"{name}  (n = {n:,})" for name, n in total.items()])


def share_by_field(table: pd.DataFrame, field: Field) -> pd.DataFrame:
    """Share of each diagnosis within each group of a field, as :func:`share_by`."""
    return share_by(table, table_groups(table, field), field.groups)


def unknown_fields(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Mark the rows whose field is not known: name → bool (N,), with the lesion's as ``lesion``."""
    # An image without a lesion_id bears its own name there.
    lesion = table["lesion_id"] == table["image"]
    return {field.key: table[field.column].isna() for field in FIELDS} | {"lesion": lesion}


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


def _figures(values: pd.Series) -> dict[str, float | int | None]:
    return {
        "known": len(values),
        "mean": _known(values.mean()),
        "sd": _known(values.std()),
        "lowest": _known(values.min()),
        "highest": _known(values.max()),
    }


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
