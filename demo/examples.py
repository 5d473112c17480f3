"""Photographs to try: where they are from, and the gallery that offers them on the page.

They are drawn, from a folder of the user's, or from the Archive. None is part of the project.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Thread

import gradio as gr
import numpy as np
import pandas as pd
from gradio.events import Dependency
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFilter

from demo.formatting import in_sentence, jpeg_uri
from demo.gradio_patches import event_value, into_cache, user_error
from demo.inputs import QUIET, Inputs, shown_value, styled_html
from demo.prediction import context_words
from demo.scripts import script
from demo.services import Example, Services
from demo.templates import Templates
from demo.texts import Texts
from model.data.context import read_metadata, table_patients
from model.data.photographs import list_photographs, require_readable
from model.data.tables import match_names, name_rows, read_csv
from model.errors import DataError, ModelError
from model.image import read_image
from model.inference.bundle import Manifest
from model.patient import Patient
from model.tasks import Task

log = logging.getLogger(__name__)

Source = Callable[[], Iterable[Example]]

_SIDE = 112  # pixels of a button's picture, twice what is shown
_WITHOUT_CONTEXT = 1  # the second example is shown with every field unknown


class Examples:
    """Examples that are there at once and may be exchanged for better ones later."""

    def __init__(self, first: Sequence[Example], better: Source | None = None) -> None:
        """Take what is there, and a source that may take long or fail."""
        self._found = list(first)
        self._better = better

    def __call__(self) -> list[Example]:
        """The current examples."""
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


# === The gallery ===


class Gallery:
    """The examples of one network."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Add its components."""
        self.services, self.templates = services, templates
        self.html = styled_html(elem_id="examples", js_on_load=script("gallery"))
        self.offered = gr.State([])  # what this visitor sees, even after better ones have come

    def connect(self, demo: gr.Blocks, image: gr.Image, inputs: Inputs) -> Dependency:
        """Fill photograph and patient with the example that is chosen; gives that event.

        The examples are asked for when the page loads, since better ones may have come.
        """

        def choose(offered: list[Example], event: gr.EventData) -> tuple:
            number = event_value(event, "number")
            if not isinstance(number, int) or not 0 <= number < len(offered):
                raise user_error(self.templates.texts.errors.no_example)
            example = offered[number]
            known = [shown_value(example.patient.get(field.key), field) for field in inputs]
            return into_cache(image, example.image, "example.jpg"), *known

        demo.load(self.fill, None, [self.html, self.offered], **QUIET)
        return self.html.select(choose, self.offered, [image, *inputs.values()], **QUIET)

    def fill(self) -> tuple[Markup, list[Example]]:
        """The current examples."""
        examples = self.services.examples()
        return gallery_html(examples, self.services.manifest, self.templates), examples


def gallery_html(examples: Sequence[Example], manifest: Manifest, templates: Templates) -> Markup:
    """A list of buttons, and where the pictures come from; nothing without examples."""
    texts, words = templates.texts, templates.texts.inputs
    drawn = f"{words.drawn_origin} {words.real_ones}"
    return templates.render(
        "gallery",
        examples=[
            {
                "thumbnail": thumbnail(one.image),
                "diagnosis": _diagnosis(one, manifest.classes, texts),
                "context": context_words(one.patient, manifest.patient.fields, texts),
                "misclassified": one.misclassified,
            }
            for one in examples
        ],
        origins=list(dict.fromkeys(one.origin if one.real else drawn for one in examples)),
    )


@lru_cache(maxsize=64)
def thumbnail(image: Path | bytes) -> str:
    """A small picture, as an address."""
    photograph = read_image(image)
    photograph.thumbnail((2 * _SIDE, _SIDE))
    return jpeg_uri(photograph)


def _diagnosis(example: Example, names: Mapping[str, str], texts: Texts) -> str:
    name = names[example.diagnosis]
    return name if example.real else texts.inputs.drawn.format(diagnosis=in_sentence(name))
