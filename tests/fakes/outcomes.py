"""Made-up predictions of 400 images of eight classes, and the bundle they could be of."""

import numpy as np
import pandas as pd

from model.data.split import Split
from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.image import ImagePreprocessor
from model.inference.bundle import Manifest
from model.inference.calibration import fit_operating_points
from model.inference.conformal import fit_set_thresholds
from model.patient import Patient, PatientEncoder
from model.tasks import TASKS

COUNT = 400
LABELS = np.arange(COUNT) % 8
DRAWS = 200


def table(labels=LABELS):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "image": [f"I{n:04d}" for n in range(len(labels))],
            "lesion_id": [f"HAM_{n // 2}" for n in range(len(labels))],
            "age_approx": rng.choice([25.0, 50.0, 80.0, np.nan], len(labels)),
            "sex": rng.choice(["female", "male"], len(labels)),
            "anatom_site_general": rng.choice(["head/neck", "palms/soles"], len(labels)),
            "diagnosis": [DIAGNOSES[n] for n in labels],
            "source": rng.choice(["HAM", "BCN"], len(labels)),
        }
    )


def manifest(probabilities, labels, **changes):
    sets = fit_set_thresholds(probabilities, labels)
    values = {
        "name": "made up",
        "classes": DIAGNOSIS_NAMES,
        "image": ImagePreprocessor(32),
        "patient": PatientEncoder.fit([Patient(age=40.0), Patient(age=60.0)]),
        "temperature": 1.0,
        "split": Split((), (), (), "none", 0),
        "training": {},
        "data": {},
        "operating_points": fit_operating_points(probabilities, labels, TASKS["isic2019"]),
        "prediction_sets": {
            "coverage": 0.9,
            "thresholds": dict(zip(DIAGNOSES, sets.tolist(), strict=True)),
        },
    }
    return Manifest(**(values | changes))


def noisy(seed=1):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (COUNT, 8)) + 2 * np.eye(8)[LABELS]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
