"""Photographs to try: from the ISIC Archive, from a folder of the user's, or drawn.

The Archive's come at run time and stay in a folder of this machine; none is part of the project.
"""

import csv
import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo.services import Example
from model.errors import ModelError
from model.patient import Patient

log = logging.getLogger(__name__)

Source = Callable[[], Iterable[Example]]

DRAWN_ORIGIN = "Drawn by this program; shows no patient."

_WITHOUT_CONTEXT = 1  # the second example is shown with every field unknown

# Colour of the lesion, its brightness pattern and the patient who goes with it, by diagnosis.
_DRAWINGS = {
    "MEL": ("#2b1a12", Patient(65.0, "male", "posterior torso")),
    "NV": ("#7a4a2b", Patient(30.0, "female", "anterior torso")),
    "BCC": ("#c98a80", Patient(75.0, "male", "head/neck")),
    "AK": ("#c9776a", Patient(70.0, "female", "head/neck")),
    "BKL": ("#a98a55", Patient(60.0, "male", "posterior torso")),
    "VASC": ("#a01030", Patient(50.0, "female", "lower extremity")),
}


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
        except (OSError, ModelError, ValueError) as error:
            log.info("No examples from the Archive: %s", error)
            return
        if found:
            self._found = found


def one_without_context(examples: Sequence[Example]) -> list[Example]:
    """Show one example with every field unknown, as a photograph often comes."""
    found = list(examples)
    if len(found) > _WITHOUT_CONTEXT:
        bare = found[_WITHOUT_CONTEXT]
        found[_WITHOUT_CONTEXT] = Example(
            bare.image, Patient(), bare.diagnosis, bare.origin, bare.real
        )
    return found


def drawn_examples(folder: Path | None = None) -> list[Example]:
    """Draw a few pictures that look roughly like lesions, labelled as drawn."""
    folder = folder or Path(tempfile.mkdtemp(prefix="lesion-examples-"))
    found = []
    for number, (code, (colour, patient)) in enumerate(_DRAWINGS.items()):
        path = folder / f"drawn_{code}.jpg"
        draw(colour, seed=number).save(path, quality=92)
        found.append(Example(path, patient, code, DRAWN_ORIGIN, real=False))
    return one_without_context(found)


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


def examples_of_folder(folder: Path, codes: Sequence[str]) -> list[Example]:
    """Read examples from a folder: photographs and ``examples.csv``.

    The table has the columns image (the file's name), diagnosis (a class code), origin, and
    age_approx, sex and anatom_site_general, which may be empty.

    Raises:
        OSError: folder or table cannot be read.
        ValueError: a row names no file or no class.
        PatientError: a field is outside its range or words.
    """
    with (folder / "examples.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [_of_row(row, folder, codes) for row in rows]


def _of_row(row: dict[str, str], folder: Path, codes: Sequence[str]) -> Example:
    image = folder / Path(row.get("image") or "").name
    if not image.is_file() or row.get("diagnosis") not in codes:
        raise ValueError(
            f"examples.csv, {row.get('image')!r}: it must name a file of its folder and one of the "
            f"diagnoses {', '.join(codes)}. Correct or remove the row."
        )
    fields = (row.get(name) for name in ("age_approx", "sex", "anatom_site_general"))
    patient = Patient.parse(*fields)
    return Example(image, patient, row["diagnosis"], row.get("origin") or folder.name, real=True)
