"""Photographs to try: from a folder of the user's, or better ones that are found later.

None is part of the project.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd

from demo.services import Example
from model.data.dataset import read_metadata, table_patients
from model.data.names import match_names
from model.data.photographs import list_photographs, require_readable
from model.data.tables import name_rows, read_csv
from model.errors import DataError, ModelError
from model.patient import Patient
from model.tasks import Task

log = logging.getLogger(__name__)

Source = Callable[[], Iterable[Example]]

_WITHOUT_CONTEXT = 1  # the second example is shown with every field unknown


class Examples:
    """Examples that are there at once and may be exchanged for better ones later."""

    def __init__(self, first: Sequence[Example], better: Source | None = None) -> None:
        """Take what is there, and a source that may take long or fail."""
        self._found = list(first)
        self._better = better

    def __call__(self) -> list[Example]:
        """The examples of the moment."""
        return self._found

    def start(self) -> None:
        """Look for better ones in the background, if there is a source."""
        if self._better is not None:
            Thread(target=self._look, daemon=True, name="examples").start()

    def _look(self) -> None:
        try:
            found = list(self._better())
        except (OSError, ModelError, ValueError, RuntimeError) as error:
            log.info("No better examples: %s", error)
            return
        if found:
            self._found = found


def one_without_context(examples: Sequence[Example]) -> list[Example]:
    """Show one example with every field unknown, as a photograph often comes."""
    found = list(examples)
    if len(found) > _WITHOUT_CONTEXT:
        found[_WITHOUT_CONTEXT] = replace(found[_WITHOUT_CONTEXT], patient=Patient())
    return found


def of_task(examples: Iterable[Example], task: Task) -> list[Example]:
    """The examples that the task has a class for, under that class; they name a diagnosis or it."""
    classes = task.members | {code: code for code in task.classes}
    return [
        replace(one, diagnosis=classes[one.diagnosis])
        for one in examples
        if one.diagnosis in classes
    ]


def known_to(tasks: Iterable[Task]) -> list[str]:
    """Diagnoses and class codes that at least one of the tasks knows."""
    return list(dict.fromkeys(code for task in tasks for code in (*task.classes, *task.members)))


def mark_misclassified(
    examples: Sequence[Example], answer: Callable[[Example], str], *, count: int | None = None
) -> list[Example]:
    """Mark the examples that the network misclassifies.

    ``answer`` gives the predicted class code. Of more than ``count``, the first are kept, and the
    last of these makes room for a marked one where they would have none.
    """
    marked = [replace(one, misclassified=answer(one) != one.diagnosis) for one in examples]
    kept, others = marked[:count], marked[len(marked[:count]) :]
    if not any(one.misclassified for one in kept):
        kept[-1:] = [one for one in others if one.misclassified][:1] or kept[-1:]
    return kept


def examples_of_folder(folder: Path, codes: Sequence[str]) -> list[Example]:
    """Read examples from a folder: photographs and ``examples.csv``.

    The table has the columns image (the file's name), diagnosis (one of ``codes``), origin, and one
    per field of the patient, which may be empty.

    Raises:
        DataError: the table cannot be read, or a row names no file or no class, or there is no row.
        ImageError: files are no photographs; all are named.
    """
    path = folder / "examples.csv"
    table = read_csv(path, ("image", "diagnosis"), text=("diagnosis", "origin"))
    if table.empty:
        raise DataError(f"{path} has no rows. Name at least one photograph.")
    paths = list_photographs(folder).paths
    names, files = list(paths), list(paths.values())
    found = match_names(table["image"].tolist(), names)
    wrong = np.array([row < 0 for row in found]) | ~table["diagnosis"].isin(codes).to_numpy()
    if wrong.any():
        raise DataError(
            f"{path.name}, {name_rows(table, wrong)}: it must name a photograph of its folder and "
            f"one of the diagnoses {', '.join(codes)}. Correct or remove the row."
        )
    images = [files[row] for row in found]
    require_readable(images)  # a bad file is named at the start, not to a visitor
    patients = table_patients(read_metadata(path))
    origins = table.get("origin", pd.Series(index=table.index, dtype=object)).fillna(folder.name)
    rows = zip(images, patients, table["diagnosis"], origins, strict=True)
    return [Example(*row, real=True) for row in rows]
