"""The eight diagnoses: their codes, order and full names."""

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
