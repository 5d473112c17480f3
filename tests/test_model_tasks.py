"""Tasks: which diagnoses make up which class."""

import pytest

from model.diagnosis import DIAGNOSES
from model.errors import ConfigError
from model.tasks import TASKS, task_of


def codes(name, diagnoses):
    task = task_of(name, diagnoses)
    return [list(task.classes)[number] for number in task.labels(diagnoses)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("isic2019", ["MEL", "AK", "SCC", "NV"]),
        ("ham10000", ["MEL", "AKIEC", "AKIEC", "NV"]),
        ("melanoma", ["MEL", "OTHER", "OTHER", "OTHER"]),
        ("malignant", ["MALIGNANT", "MALIGNANT", "MALIGNANT", "BENIGN"]),
    ],
)
def test_diagnoses_fall_into_the_classes_of_the_task(name, expected):
    assert codes(name, ["MEL", "AK", "SCC", "NV"]) == expected


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_diagnosis_has_a_class_and_every_class_a_diagnosis(task):
    assert tuple(task.members) == DIAGNOSES
    assert set(task.members.values()) == set(task.classes)


def test_a_custom_task_takes_its_classes_from_the_data():
    assert codes("custom", ["wart", "mole", "wart"]) == ["wart", "mole", "wart"]
    assert list(task_of("custom", ["wart", "mole"]).classes) == ["mole", "wart"]


def test_a_foreign_diagnosis_and_an_unknown_task_are_refused():
    with pytest.raises(ConfigError, match="no class for wart"):
        TASKS["melanoma"].labels(["MEL", "wart"])
    with pytest.raises(ConfigError, match=r"'isic'.*ham10000"):
        task_of("isic", [])
