"""Synthetic rows and pictures for the fake Archive: made up here, no real image or patient.

Rows repeat every few numbers, so that a test can say how many there must be. Pictures are
noise in the colour of their class, with the image's id in a JPEG comment: all differ.
"""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from PIL import Image

DIAGNOSES = (
    ("Malignant", "Malignant melanocytic proliferations (Melanoma)", "Melanoma, NOS"),
    ("Benign", "Benign melanocytic proliferations", "Nevus"),
    (
        "Malignant",
        "Malignant adnexal epithelial proliferations - Follicular",
        "Basal cell carcinoma",
    ),
    ("Indeterminate", "Indeterminate epidermal proliferations", "Solar or actinic keratosis"),
    ("Benign", "Benign epidermal proliferations", "Pigmented benign keratosis"),
    ("Benign", "Benign soft tissue proliferations - Fibro-histiocytic", "Dermatofibroma"),
    ("Benign", "Benign soft tissue proliferations - Vascular"),
    ("Malignant", "Malignant epidermal proliferations", "Squamous cell carcinoma, NOS"),
    ("Benign", "Benign - Other", "Scar"),
    (),
)
CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK", None)
FLAT = (
    *("melanoma", "nevus", "basal cell carcinoma", "actinic keratosis"),
    *("pigmented benign keratosis", "dermatofibroma", "angioma", "squamous cell carcinoma"),
    *("scar", None),
)
SITES = (
    ("Head and neck", "Head", "Face"),
    ("Trunk", "Anterior trunk"),
    ("Trunk", "Posterior trunk"),
    ("Upper extremity",),
    ("Lower extremity",),
    ("Upper extremity", "Hand", "Palm of hand"),
    (),
)
FLAT_SITES = (
    *("head/neck", "anterior torso", "posterior torso", "upper extremity", "lower extremity"),
    *("palms/soles", None),
)
LICENSES = ("CC-0", "CC-BY", "CC-BY-NC")
ATTRIBUTIONS = (
    "Anonymous",
    "ViDIR Group, Department of Dermatology, Medical University of Vienna",
    "Department of Dermatology, Hospital Clínic de Barcelona",
)
COHORT_ATTRIBUTION = "Cohort default, which is not the image's own"
EPOCH = datetime(2014, 11, 10, tzinfo=UTC)


@dataclass
class Row:
    isic_id: str
    collection: int
    created: str
    license: str
    attribution: str
    acquisition: dict
    clinical: dict
    public: bool = True
    fields: dict = field(init=False)

    def __post_init__(self):
        self.fields = {**self.acquisition, **self.clinical}

    @property
    def number(self):
        return int(self.isic_id[5:])


def make_row(number: int, collection: int, *, ties: int = 3, era: str = "c", public: bool = True):
    """``ties`` rows share one creation time; ``era`` is the vocabulary, a, b or c."""
    created = (EPOCH + timedelta(seconds=number // ties)).isoformat(sep=" ")
    clinical = {"concomitant_biopsy": True, "melanocytic": number % 10 < 2}
    if number % 3:
        clinical["sex"] = ("male", "female")[number % 3 - 1]
    if number % 11:
        clinical["age_approx"] = number * 5 % 90
    if number % 4 == 0:
        clinical["clin_size_long_diam_mm"] = "3.10"
    clinical["lesion_id"] = f"IL_{number // 2:07d}"
    clinical |= _diagnosis(number, era) | _site(number, era)
    return Row(
        isic_id=f"ISIC_{number:07d}",
        collection=collection,
        created=created,
        license=LICENSES[number % 3],
        attribution=ATTRIBUTIONS[number % 3],
        acquisition={"pixels_x": 64, "pixels_y": 48, "image_type": "dermoscopic"},
        clinical=clinical,
        public=public,
    )


def _diagnosis(number: int, era: str) -> dict:
    if era == "a":
        return {"diagnosis": FLAT[number % 10]} if FLAT[number % 10] else {}
    names = DIAGNOSES[number % 10]
    return {f"diagnosis_{level}": name for level, name in enumerate(names, 1)}


def _site(number: int, era: str) -> dict:
    if era == "c":
        names = SITES[number % 7]
        return {f"anatom_site_{level}": name for level, name in enumerate(names, 1)}
    return {"anatom_site_general": FLAT_SITES[number % 7]} if FLAT_SITES[number % 7] else {}


def jpeg(isic_id: str, *, variety: int, width: int = 64, height: int = 48) -> bytes:
    """A picture of about 5 KB at 64 x 48; every one has its own bytes."""
    number = int(isic_id[5:])
    body = _noise(number % 10, number % variety, width, height)
    comment = isic_id.encode()
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return body[:2] + segment + body[2:]


@lru_cache(maxsize=4096)
def _noise(colour: int, seed: int, width: int, height: int) -> bytes:
    noise = np.random.default_rng([colour, seed]).normal(0, 22, (height, width, 3))
    base = np.random.default_rng(colour).uniform(60, 200, 3)
    pixels = np.clip(base + noise, 0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=96, subsampling=0)
    return encoded.getvalue()
