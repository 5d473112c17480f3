"""What is asked of the network: the classes of a task and the diagnoses that each of them holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.diagnosis import COARSE_LABELS, DIAGNOSES, DIAGNOSIS_NAMES
from model.errors import ConfigError

CUSTOM = "custom"
"""A task whose classes are the label columns of the ground truth, whatever they are."""


@dataclass(frozen=True)
class Task:
    """One question about a photograph."""

    name: str
    classes: dict[str, str]  # code → full name, in the order of the network's outputs
    members: dict[str, str]  # diagnosis in the ground truth → code of its class
    malignant: tuple[str, ...] | None = None  # codes that count as malignant; None = not stated
    precursors: tuple[str, ...] = ()  # codes that are neither, and named apart

    @cached_property
    def class_of(self) -> dict[str, str]:
        """``members``, and the coarse labels all of whose diagnoses are of one class."""
        found = dict(self.members)
        for label, diagnoses in COARSE_LABELS.items():
            classes = {self.members.get(diagnosis) for diagnosis in diagnoses} - {None}
            if len(classes) == 1:
                found.setdefault(label, classes.pop())
        return found

    def has_class(self, diagnoses: Sequence[str]) -> np.ndarray:
        """Which diagnoses (N,) of the ground truth have a class here: bool."""
        return np.isin(np.asarray(diagnoses, str), list(self.class_of))

    def open_labels(self, diagnoses: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None]:
        """Label numbers (N,) of diagnoses that may be coarse labels.

        From ``len(classes)`` on, a number stands for the classes that its coarse label leaves open:
        row ``number - len(classes)`` of the second value, bool (labels, classes); None without.

        Raises:
            ConfigError: as :meth:`labels`.
        """
        left_open = sorted({d for d in diagnoses if d in COARSE_LABELS} - set(self.class_of))
        fine = [d for d in diagnoses if d not in left_open]
        if not left_open:
            return self.labels(fine), None
        codes = list(self.classes)
        rows = np.zeros((len(left_open), len(codes)), bool)
        for row, label in zip(rows, left_open, strict=True):
            row[[codes.index(self.class_of[d]) for d in COARSE_LABELS[label]]] = True
        numbers = np.empty(len(diagnoses), np.int64)
        is_open = np.isin(np.asarray(diagnoses, str), left_open)
        numbers[~is_open] = self.labels(fine)
        numbers[is_open] = [len(codes) + left_open.index(d) for d in diagnoses if d in left_open]
        return numbers, rows

    def labels(self, diagnoses: Sequence[str]) -> np.ndarray:
        """Class numbers (N,) of diagnoses (N,) of the ground truth.

        Raises:
            ConfigError: a diagnosis that the task has no class for.
        """
        foreign = sorted(set(diagnoses) - set(self.class_of))
        if foreign:
            raise ConfigError(
                f"the task {self.name} has no class for {', '.join(foreign)}. Its diagnoses: "
                f"{', '.join(self.members)}. Choose another task, or {CUSTOM} for other labels."
            )
        number = {code: n for n, code in enumerate(self.classes)}
        return np.array([number[self.class_of[diagnosis]] for diagnosis in diagnoses], np.int64)


_HAM10000 = {
    "MEL": "Melanoma",
    "NV": "Melanocytic nevus",
    "BCC": "Basal cell carcinoma",
    "AKIEC": "Actinic keratosis or intraepithelial carcinoma",
    "BKL": "Benign keratosis",
    "DF": "Dermatofibroma",
    "VASC": "Vascular lesion",
}
# To call actinic keratosis malignant: it is a precursor of squamous cell carcinoma that a
# dermatologist would treat, and to miss a carcinoma costs more than to call one benign. A class of
# both, which HAM10000 does not tell apart, counts as malignant for the same reason.
_TREATED = ("MEL", "BCC", "SCC", "AK")


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
        malignant=("MEL", "BCC", "AKIEC"),
    ),
    # Of what is not a melanoma, nobody can tell what is malignant.
    "melanoma": Task(
        "melanoma",
        {"OTHER": "Not a melanoma", "MEL": "Melanoma"},
        {code: "MEL" if code == "MEL" else "OTHER" for code in DIAGNOSES},
    ),
    "malignant": Task(
        "malignant",
        {"BENIGN": "Benign", "MALIGNANT": "Malignant or precursor (actinic keratosis)"},
        {code: "MALIGNANT" if code in _TREATED else "BENIGN" for code in DIAGNOSES},
        malignant=("MALIGNANT",),
    ),
}
"""By name."""


def own_task(labels: Sequence[str]) -> str:
    """Name the first task that has a class for every label; custom if all labels are foreign."""
    known = {code for task in TASKS.values() for code in task.class_of}
    if not known & set(labels):
        return CUSTOM
    fitting = (name for name, task in TASKS.items() if task.has_class(labels).all())
    return next(fitting, next(iter(TASKS)))


def custom_task(
    names: dict[str, str],
    *,
    malignant: Sequence[str] | None = None,
    precursors: Sequence[str] = (),
) -> Task:
    """A task with one class per label column; ``names`` maps its code to its full name."""
    stated = None if malignant is None else tuple(malignant)
    return Task(CUSTOM, names, {code: code for code in names}, stated, tuple(precursors))


def task_of(name: str, diagnoses: Sequence[str]) -> Task:
    """Find a task by its name; ``diagnoses`` are those of the data, for a custom one.

    Raises:
        ConfigError: no such task.
    """
    if name == CUSTOM:
        return custom_task({code: code for code in sorted(set(diagnoses))})
    if name not in TASKS:
        raise ConfigError(f"no task is called {name!r}. Use one of: {', '.join(TASKS)}, {CUSTOM}.")
    return TASKS[name]
