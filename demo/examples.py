"""Photographs to try: from a folder of the user's, or better ones that are found later.

None is part of the project.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from demo.services import Example
from model.data.context import read_metadata, table_patients
from model.data.photographs import list_photographs, require_readable
from model.data.tables import match_names, name_rows, read_csv
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


# Colour of the lesion and the patient who goes with it, by diagnosis.
_DRAWINGS = {
    "MEL": ("#2b1a12", Patient(age=65.0, sex="male", site="posterior torso")),
    "NV": ("#7a4a2b", Patient()),
    "BCC": ("#c98a80", Patient(age=75.0, sex="male", site="head/neck")),
    "AK": ("#c9776a", Patient(age=70.0, sex="female", site="head/neck")),
    "BKL": ("#a98a55", Patient(age=60.0, sex="male", site="posterior torso")),
    "VASC": ("#a01030", Patient(age=50.0, sex="female", site="lower extremity")),
}


def drawn_examples() -> list[Example]:
    """Draw a few, one of them without context; they stay in memory and are labelled as drawn."""
    return [
        Example(_jpeg(draw(colour, seed=number)), patient, code, origin="", real=False)
        for number, (code, (colour, patient)) in enumerate(_DRAWINGS.items())
    ]


def draw(colour: str, *, seed: int, size: tuple[int, int] = (600, 450)) -> Image.Image:
    """Draw an uneven spot of a colour on skin."""
    rng = np.random.default_rng(seed)
    skin = Image.new("RGB", size, "#e2b8a0")
    centre = np.array(size) / 2 + rng.uniform(-30, 30, 2)
    for shade in range(6):
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radii = (150 - 22 * shade) * (1 + 0.12 * rng.normal(size=40))
        radii = np.convolve(np.tile(radii, 3), np.ones(5) / 5, "same")[40:80]
        outline = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
        layer = Image.new("L", size)
        ImageDraw.Draw(layer).polygon([tuple(p) for p in outline], fill=70)
        skin.paste(colour, mask=layer.filter(ImageFilter.GaussianBlur(6)))
    grain = rng.normal(0, 5, (size[1], size[0], 1))
    return Image.fromarray((np.asarray(skin) + grain).clip(0, 255).astype(np.uint8))


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
