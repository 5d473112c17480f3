"""``classes.csv``: what the classes of a custom task are called, and which of them are malignant.

    code,name,malignant
    wart,Viral wart,no
    bowen,Bowen's disease,precursor
    mel,Melanoma,yes

The file is optional, and so are the columns ``name`` and ``malignant``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.data.tables import read_csv
from model.errors import DataError
from model.tasks import Task, custom_task

CLASSES_FILE = "classes.csv"
_ANSWERS = ("yes", "no", "precursor")


@dataclass(frozen=True)
class ClassTable:
    """What the file says of each code; ``malignant`` is None where it has no such column."""

    names: dict[str, str]
    malignant: dict[str, str] | None  # code → yes, no or precursor

    def task(self, codes: Iterable[str]) -> Task:
        """The custom task of some of the file's codes."""
        names = {code: self.names[code] for code in codes}
        if self.malignant is None:
            return custom_task(names)
        answered = {
            answer: [c for c in names if self.malignant[c] == answer] for answer in _ANSWERS
        }
        return custom_task(names, malignant=answered["yes"], precursors=answered["precursor"])


def read_class_table(data_dir: Path, codes: Iterable[str]) -> ClassTable | None:
    """Read the file of a data folder, which must have a row for each of its codes; None without.

    Raises:
        DataError: it lacks a code, names one that the folder has not, or answers with another word.
    """
    path = data_dir / CLASSES_FILE
    if not path.is_file():
        return None
    table = read_csv(path, ("code",), key="code")
    found = table["code"].tolist()
    differing = sorted(set(found) ^ set(codes))
    if differing:
        raise DataError(
            f"{path} and the labels of the folder differ in {', '.join(differing)}. Give every "
            "label one row, under the name of its column or folder."
        )
    named = table["name"] if "name" in table else table["code"]
    names = dict(zip(found, named.fillna(table["code"]).astype(str), strict=True))
    if "malignant" not in table:
        return ClassTable(names, None)
    answers = dict(zip(found, table["malignant"].astype(str).str.strip(), strict=True))
    wrong = [code for code, answer in answers.items() if answer not in _ANSWERS]
    if wrong:
        raise DataError(
            f"{path} does not say of {', '.join(wrong)} whether it is malignant. Write "
            f"{', '.join(_ANSWERS)} in every row, or leave the column out."
        )
    return ClassTable(names, answers)
