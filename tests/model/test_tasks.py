"""Tasks: which diagnoses make up which class."""

import pytest

from model.diagnosis import DIAGNOSES
from model.errors import ConfigError
from model.tasks import TASKS, own_task, task_of


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


def test_a_coarse_label_has_a_class_where_all_its_diagnoses_are_of_one():
    coarse = ["BENIGN", "MALIGNANT", "AKIEC"]
    found = {name: task.has_class(coarse).tolist() for name, task in TASKS.items()}
    assert found == {
        "isic2019": [False, False, False],
        "ham10000": [False, False, True],
        "melanoma": [True, False, True],
        "malignant": [True, True, True],
    }
    assert codes("malignant", coarse) == ["BENIGN", "MALIGNANT", "MALIGNANT"]


def test_malignant_and_precursor_classes_are_classes_of_the_task():
    for task in TASKS.values():
        assert {*(task.malignant or ()), *task.precursors} <= set(task.classes)
    assert TASKS["isic2019"].precursors == ("AK",)
    assert TASKS["melanoma"].malignant is None


def test_the_own_task_of_labels_has_a_class_for_each():
    assert own_task(["MEL", "NV"]) == "isic2019"
    assert own_task(["MEL", "AKIEC"]) == "ham10000"
    assert own_task(["BENIGN", "MALIGNANT"]) == "malignant"
    assert own_task(["mole", "wart"]) == "custom"
