"""What is asked of the network: the classes of a task and the diagnoses that each of them holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.errors import ConfigError

CUSTOM = "custom"
"""A task whose classes are the label columns of the ground truth, whatever they are."""


@dataclass(frozen=True)
class Task:
    """One question about a photograph."""

    name: str
    classes: dict[str, str]  # code → full name, in the order of the network's outputs
    members: dict[str, str]  # diagnosis in the ground truth → code of its class
    malignant: tuple[str, ...] | None = None  # codes counted as malignant; None: not stated
    precursors: tuple[str, ...] = ()  # codes named apart

    def labels(self, diagnoses: Sequence[str]) -> np.ndarray:
        """Class numbers (N,) of diagnoses (N,) of the ground truth.

        Raises:
            ConfigError: a diagnosis that the task has no class for.
        """
        foreign = sorted(set(diagnoses) - set(self.members))
        if foreign:
            raise ConfigError(
                f"the task {self.name} has no class for {', '.join(foreign)}. Its diagnoses: "
                f"{', '.join(self.members)}. Choose another task, or {CUSTOM} for other labels."
            )
        number = {code: n for n, code in enumerate(self.classes)}
        return np.array([number[self.members[diagnosis]] for diagnosis in diagnoses], np.int64)


_HAM10000 = {
    "MEL": "Melanoma",
    "NV": "Melanocytic nevus",
    "BCC": "Basal cell carcinoma",
    "AKIEC": "Actinic keratosis or intraepithelial carcinoma",
    "BKL": "Benign keratosis",
    "DF": "Dermatofibroma",
    "VASC": "Vascular lesion",
}
# Actinic keratosis is a precursor of squamous cell carcinoma that a dermatologist would treat, and
# HAM10000 does not tell it from carcinoma in situ: to miss one costs more than to call one benign.
_MALIGNANT = ("MEL", "BCC", "SCC", "AK")

TASKS = {
    "isic2019": Task(
        "isic2019",
        DIAGNOSIS_NAMES,
        {code: code for code in DIAGNOSES},
        malignant=("MEL", "BCC", "SCC"),
        precursors=("AK",),
    ),
    "ham10000": Task(
        "ham10000",
        _HAM10000,
        {code: "AKIEC" if code in ("AK", "SCC") else code for code in DIAGNOSES},
    ),
    "melanoma": Task(
        "melanoma",
        {"OTHER": "Not a melanoma", "MEL": "Melanoma"},
        {code: "MEL" if code == "MEL" else "OTHER" for code in DIAGNOSES},
    ),
    "malignant": Task(
        "malignant",
        {"BENIGN": "Benign", "MALIGNANT": "Malignant, or a precursor (actinic keratosis)"},
        {code: "MALIGNANT" if code in _MALIGNANT else "BENIGN" for code in DIAGNOSES},
    ),
}
"""By name; the operating points of a bundle count actinic keratosis as not malignant, this does."""


def custom_task(codes: Sequence[str]) -> Task:
    """A task with one class a label column, which bears its name."""
    return Task(CUSTOM, {code: code for code in codes}, {code: code for code in codes})


def task_of(name: str, diagnoses: Sequence[str]) -> Task:
    """Find a task by its name; ``diagnoses`` are those of the data, for a custom one.

    Raises:
        ConfigError: no such task.
    """
    if name == CUSTOM:
        return custom_task(sorted(set(diagnoses)))
    if name not in TASKS:
        raise ConfigError(f"no task is called {name!r}. Use one of: {', '.join(TASKS)}, {CUSTOM}.")
    return TASKS[name]
