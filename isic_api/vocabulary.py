"""One vocabulary for the Archive's three, and its mapping to the ISIC 2019 challenge.

The Archive has named diagnoses and sites in three ways:

(a) until early 2025   ``diagnosis`` + ``anatom_site_general``
(b) until May 2026     ``diagnosis_1..5`` + ``anatom_site_general``
(c) since              ``diagnosis_1..5`` + ``anatom_site_1..5`` + ``anatom_site_special``

:func:`diagnosis_levels` and :func:`site_levels` map all of them to (c);
:func:`challenge_class` and :func:`challenge_site` map (c) to the terms of the challenge. The
Archive publishes no such table: the class rules agree with those in public use and with the
vocabulary (isic-metadata 5.1.0), the site rules follow from the two vocabularies.

:func:`archive_id` maps the challenge's names of images to the Archive's ids.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

CHALLENGE_CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
"""The eight diagnoses that have training images, in the column order of the ground truth."""

UNKNOWN_CLASS = "UNK"
"""The ninth column: none of the eight. It has test images only."""

SITE_COLUMN = "anatom_site_general"
"""The challenge's column of the site, and the Archive's own until May 2026."""

CHALLENGE_SITES = (
    "anterior torso",
    "head/neck",
    "lateral torso",
    "lower extremity",
    "oral/genital",
    "palms/soles",
    "posterior torso",
    "upper extremity",
)
"""The values of ``SITE_COLUMN``; a missing site is an empty cell."""

CHALLENGE_SEXES = ("female", "male")
"""The values of ``sex``; a missing sex is an empty cell."""

DEPTH = 5
"""Levels of the two hierarchies; level 1 is the most general."""

SPECIAL = 0
"""In a site rule, stands for ``anatom_site_special`` where a level would."""

_IMAGE_ID = re.compile(r"ISIC_\d{7,}")

Levels = tuple[str | None, ...]
"""``DEPTH`` names from general to specific; a level that is not given is None."""


class Rule(NamedTuple):
    """``result`` where the name at ``level`` is one of ``names``; a final ``*`` makes a prefix."""

    result: str
    level: int
    names: tuple[str, ...]

    def matches(self, name: str | None) -> bool:
        """Whether the name at the rule's level is one of ``names``; None never is."""
        return name is not None and any(
            name.startswith(known[:-1]) if known.endswith("*") else name == known
            for known in self.names
        )


DIAGNOSIS_RULES = (
    Rule("MEL", 2, ("Malignant melanocytic proliferations (Melanoma)",)),
    Rule("NV", 3, ("Nevus",)),
    Rule("BCC", 3, ("Basal cell carcinoma",)),
    Rule("AK", 3, ("Solar or actinic keratosis",)),
    Rule(
        "BKL",
        3,
        (
            "Pigmented benign keratosis",
            "Seborrheic keratosis",
            "Solar lentigo",
            "Lichen planus like keratosis",
        ),
    ),
    Rule("DF", 3, ("Dermatofibroma",)),
    Rule("VASC", 2, ("Benign soft tissue proliferations - Vascular",)),
    Rule("SCC", 3, ("Squamous cell carcinoma*",)),
)
"""First match wins. Level 1 is never used: actinic keratosis is Indeterminate there. Level 3
of a vascular lesion is usually absent, so that class depends on level 2."""

SITE_RULES = (
    Rule("palms/soles", SPECIAL, ("acral palms or soles",)),
    Rule("palms/soles", 3, ("Palm of hand", "Sole of foot")),
    Rule("oral/genital", SPECIAL, ("oral or genital",)),
    Rule("oral/genital", 1, ("Anogenital region",)),
    Rule("oral/genital", 4, ("Mouth",)),
    Rule("head/neck", 1, ("Head and neck",)),
    Rule("upper extremity", 1, ("Upper extremity",)),
    Rule("lower extremity", 1, ("Lower extremity",)),
    Rule("anterior torso", 2, ("Anterior trunk",)),
    Rule("posterior torso", 2, ("Posterior trunk",)),
    Rule("lateral torso", 2, ("Lateral trunk",)),
)
"""First match wins, so palms and soles come before the extremities they are on. A trunk without
a second level has no term in the challenge."""

_MELANOMA = ("Malignant", "Malignant melanocytic proliferations (Melanoma)")
_BENIGN_EPIDERMAL = ("Benign", "Benign epidermal proliferations")
_VASCULAR = ("Benign", "Benign soft tissue proliferations - Vascular")

FLAT_DIAGNOSES: dict[str, tuple[str, ...]] = {
    "melanoma": _MELANOMA,
    "melanoma metastasis": (*_MELANOMA, "Melanoma metastasis"),
    "nevus": ("Benign", "Benign melanocytic proliferations", "Nevus"),
    "basal cell carcinoma": (
        "Malignant",
        "Malignant adnexal epithelial proliferations - Follicular",
        "Basal cell carcinoma",
    ),
    "actinic keratosis": (
        "Indeterminate",
        "Indeterminate epidermal proliferations",
        "Solar or actinic keratosis",
    ),
    "pigmented benign keratosis": (*_BENIGN_EPIDERMAL, "Pigmented benign keratosis"),
    "seborrheic keratosis": (*_BENIGN_EPIDERMAL, "Seborrheic keratosis"),
    "solar lentigo": (*_BENIGN_EPIDERMAL, "Solar lentigo"),
    "lichenoid keratosis": (*_BENIGN_EPIDERMAL, "Lichen planus like keratosis"),
    "dermatofibroma": (
        "Benign",
        "Benign soft tissue proliferations - Fibro-histiocytic",
        "Dermatofibroma",
    ),
    "vascular lesion": _VASCULAR,
    "angioma": _VASCULAR,
    "pyogenic granuloma": (*_VASCULAR, "Pyogenic granuloma"),
    "angiokeratoma": (*_VASCULAR, "Angiokeratoma"),
    "squamous cell carcinoma": (
        "Malignant",
        "Malignant epidermal proliferations",
        "Squamous cell carcinoma, NOS",
    ),
}
"""The flat ``diagnosis`` of era (a) that lies in one of the eight classes → its levels. Any
other flat name has no levels here, and is UNK."""

FLAT_SITES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "head/neck": (("Head and neck",), None),
    "upper extremity": (("Upper extremity",), None),
    "lower extremity": (("Lower extremity",), None),
    "anterior torso": (("Trunk", "Anterior trunk"), None),
    "posterior torso": (("Trunk", "Posterior trunk"), None),
    "lateral torso": (("Trunk", "Lateral trunk"), None),
    "palms/soles": ((), "acral palms or soles"),
    "oral/genital": ((), "oral or genital"),
}
"""``anatom_site_general`` of eras (a) and (b) → levels, ``anatom_site_special``."""


def diagnosis_levels(levels: Sequence[str | None], flat: str | None = None) -> Levels:
    """The five levels of a diagnosis; ``flat`` is used only if no level is given."""
    if not any(levels) and flat is not None:
        levels = FLAT_DIAGNOSES.get(flat.lower(), ())
    return _padded(levels)


def site_levels(
    levels: Sequence[str | None], special: str | None = None, *, general: str | None = None
) -> tuple[Levels, str | None]:
    """The five levels of a site and its ``anatom_site_special``.

    ``general`` is used only if neither a level nor a special site is given.
    """
    if not any(levels) and special is None and general is not None:
        levels, special = FLAT_SITES.get(general.lower(), ((), None))
    return _padded(levels), special


def challenge_class(levels: Levels, flat: str | None = None) -> str | None:
    """One of ``CHALLENGE_CLASSES``, ``UNKNOWN_CLASS``, or None without any diagnosis."""
    for rule in DIAGNOSIS_RULES:
        if rule.matches(levels[rule.level - 1]):
            return rule.result
    return UNKNOWN_CLASS if any(levels) or flat else None


def challenge_site(levels: Levels, special: str | None = None) -> str | None:
    """One of ``CHALLENGE_SITES``, or None if the challenge has no term for the site."""
    for rule in SITE_RULES:
        if rule.matches(special if rule.level == SPECIAL else levels[rule.level - 1]):
            return rule.result
    return None


def challenge_sex(sex: str | None) -> str | None:
    """One of ``CHALLENGE_SEXES``, or None for any other word."""
    word = (sex or "").strip().casefold()
    return word if word in CHALLENGE_SEXES else None


def is_image_id(text: str) -> bool:
    """Whether it looks like ISIC_0000000, and is therefore safe as a file name."""
    return _IMAGE_ID.fullmatch(text) is not None


def archive_id(image: str) -> str:
    """The Archive's id of an image that is named in a table of the challenge."""
    return image.removesuffix("_downsampled")


def _padded(levels: Sequence[str | None]) -> Levels:
    return (*levels, *(None,) * DEPTH)[:DEPTH]
