"""Pictures that look roughly like lesions, for when no real photograph may be shown."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo.services import Example
from model.patient import Patient

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
