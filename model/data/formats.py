"""What publishers call columns, values, labels and images, and what that is here.

===================  =========================================================================
ISIC 2018, task 3    ``*GroundTruth.csv`` with AKIEC; ``*LesionGroupings.csv`` beside it
ISIC 2019            ``*GroundTruth.csv``, ``*Metadata.csv``; of the test part without lesions
SIIM-ISIC 2020       ``train.csv`` has all: diagnosis, benign_malignant, patient_id
HAM10000             ``HAM10000_metadata.csv`` has all: dx, lesion_id
MILK10k              ``*GroundTruth.csv`` by lesion_id, ``*Metadata.csv`` by isic_id, image_type
===================  =========================================================================
"""

from collections.abc import Sequence

import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS, archive_id, is_image_id
from model.diagnosis import label_of
from model.patient import AGE, SEX, SITE, Field

IDENTITIES = {
    "image": ("image_name", "image_id", "isic_id", "filename", "file_name", "image name"),
    "lesion_id": ("lesion", "lesion id"),
    "patient_id": ("patient", "patient id"),
}
_FIELDS = {
    AGE.column: ("age", "age_years", "patient_age"),
    SEX.column: ("gender", "patient_sex"),
    SITE.column: (
        *("site", "localization", "localisation", "location", "anatom_site"),
        *("anatom_site_general_challenge", "body_site"),
    ),
}
_SITES = {
    "anterior torso": ("abdomen", "chest"),
    "posterior torso": ("back",),
    "head/neck": ("face", "scalp", "ear", "neck", "head", "head neck face", "head neck"),
    "palms/soles": ("acral", "palms soles"),
    "oral/genital": ("genital", "oral genital"),
    "upper extremity": ("hand",),
    "lower extremity": ("foot",),
    "lateral torso": (),
}
AMBIGUOUS_SITES = ("torso", "trunk")
"""Could be several of our sites: unknown, and counted."""

_WORDS = {
    SITE.column: {word: ours for ours, words in _SITES.items() for word in words},
    SEX.column: {"m": "male", "f": "female"},
}
MILK10K_LABELS = {
    "SCCKA": "SCC",
    "INF": UNKNOWN_CLASS,
    "BEN_OTH": UNKNOWN_CLASS,
    "MAL_OTH": UNKNOWN_CLASS,
}
"""Labels of MILK10k that ISIC 2019 has not, and what they are there."""

NO_LABELS = ("score_weight", "validation_weight")
"""Columns of published tables of labels that are none."""

CONTEXT = ("*Metadata.csv", "*LesionGroupings.csv")
"""Tables of context beside one of labels, of which the first that is there is read."""

IMAGE_FOLDERS = ("images", "*_Input", "*_images_part_*", "train", "jpeg/train")
"""Folders of photographs, of which the first that are there are read."""

WITH_LABELS = ("HAM10000_metadata.csv", "HAM10000_metadata", "train.csv")
"""Tables that have labels and context in one."""


LABEL_COLUMNS = ("dx", "diagnosis", "benign_malignant", "image_type", "origin")
"""Columns beside the context that other readers read."""

SOURCES = ("HAM", "BCN", "MSK")
"""The three collections of ISIC 2019; those of its images without a ``lesion_id`` are from MSK."""

_NUMBERS = {"MSK": (0, 16_072), "HAM": (24_306, 34_320), "BCN": (53_454, 73_254)}
"""First and last number of each collection's images in the training set of ISIC 2019."""


def column_names(fields: Sequence[Field]) -> dict[str, str]:
    """Names of columns in lower case → what they are called here."""
    names = {name: ours for ours, others in IDENTITIES.items() for name in (ours, *others)}
    names |= {name: name for name in LABEL_COLUMNS}
    for field in fields:
        others = _FIELDS.get(field.column, ())
        names |= {n.casefold(): field.column for n in (field.column, field.key, *others)}
    return names


def translate(cells: pd.Series, field: Field) -> tuple[pd.Series, int]:
    """Translate a column of words to ours; also counts the ambiguous ones, which become unknown."""
    words = getattr(field, "words", ())
    ours = {_plain(word): word for word in words} | _WORDS.get(field.column, {})
    if field.column == SITE.column:
        ours |= dict.fromkeys(AMBIGUOUS_SITES)
    table = {
        cell: ours.get(_plain(cell), cell)
        for cell in cells.dropna().unique()
        if isinstance(cell, str)
    }
    ambiguous = [cell for cell, word in table.items() if word is None]
    return cells.map(table), int(cells.isin(ambiguous).sum())


def with_our_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Bring columns of MILK10k's labels together under ours; other tables stay as they are."""
    found = [label for label in MILK10K_LABELS if label in table]
    if "SCCKA" not in found:
        return table
    table = table.copy()
    for label in found:
        ours = MILK10K_LABELS[label]
        marks = pd.to_numeric(table.pop(label), errors="coerce")
        table[ours] = table[ours] + marks if ours in table else marks
    return table


def diagnosis_of(row: dict[str, object]) -> str | None:
    """Label of a row of a table that has labels and context in one; None if it says nothing."""
    word = row.get("dx", row.get("diagnosis"))
    found = label_of(word) if isinstance(word, str) else None
    if found:
        return found
    coarse = row.get("benign_malignant")
    return label_of(coarse) if isinstance(coarse, str) else None


def _plain(word: str) -> str:
    return " ".join(word.replace("_", " ").replace("/", " ").casefold().split())


def image_source(image: str, lesion_id: object) -> str:
    """Tell the collection an image is from, by the prefix of its challenge ``lesion_id``.

    The Archive gives lesions names of its own (IL_0000000): there the image's number tells.
    """
    if not isinstance(lesion_id, str):
        return "MSK" if collection_of(image) == "MSK" else "other"
    if lesion_id[:3] in SOURCES:
        return lesion_id[:3]
    return collection_of(image)


def collection_of(image: str) -> str:
    """Tell the collection by the image's number."""
    name = archive_id(image)
    number = int(name.removeprefix("ISIC_")) if is_image_id(name) else -1
    found = (source for source, (first, last) in _NUMBERS.items() if first <= number <= last)
    return next(found, "other")
