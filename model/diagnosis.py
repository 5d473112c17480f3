"""The eight diagnoses: their codes, order and full names, and labels that are coarser."""

from isic_api.vocabulary import CHALLENGE_CLASSES

DIAGNOSES = CHALLENGE_CLASSES
"""Codes in the order of the challenge files, the network's outputs and ``predictions.csv``."""

DIAGNOSIS_NAMES = {
    "MEL": "Melanoma",
    "NV": "Melanocytic nevus",
    "BCC": "Basal cell carcinoma",
    "AK": "Actinic keratosis",
    "BKL": "Benign keratosis",
    "DF": "Dermatofibroma",
    "VASC": "Vascular lesion",
    "SCC": "Squamous cell carcinoma",
}
"""Full English name of each code."""

COARSE_LABELS = {
    "BENIGN": ("NV", "BKL", "DF", "VASC"),
    "MALIGNANT": ("MEL", "BCC", "SCC"),
    "AKIEC": ("AK", "SCC"),
}
"""Labels that leave open which of several diagnoses it is."""

_USUAL_NAMES = {
    "NV": ("nevus", "nevi", "naevus", "naevi", "melanocytic nevi"),
    "AK": ("actinic keratoses", "solar keratosis"),
    "BKL": (
        *("benign keratosis like lesions", "pigmented benign keratosis", "solar lentigo"),
        *("seborrheic keratosis", "seborrhoeic keratosis", "lichenoid keratosis"),
    ),
    "VASC": ("vascular", "vascular lesions"),
}
_CODES = {code.casefold(): code for code in (*DIAGNOSES, *COARSE_LABELS)}
_CODES |= {name.casefold(): code for code, name in DIAGNOSIS_NAMES.items()}
_CODES |= {name: code for code, names in _USUAL_NAMES.items() for name in names}


def label_of(name: str) -> str | None:
    """Code of a diagnosis or coarse label, given by its code or usual name; None if unknown."""
    return _CODES.get(" ".join(name.replace("_", " ").replace("-", " ").casefold().split()))
