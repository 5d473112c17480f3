"""Synthetic photographs and data folders, drawn anew by the tests; no patient's."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from isic_api.vocabulary import CHALLENGE_CLASSES, CHALLENGE_SEXES, CHALLENGE_SITES

# One colour and shape a diagnosis, so that a small network can learn them.
_COLOURS = ["#2b1a12", "#7a4a2b", "#d98a80", "#c9776a", "#a98a55", "#8f6f63", "#a01030", "#e0b0a0"]


def draw_lesion(kind: int, *, seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """Draw a blob in the colour of class number ``kind`` on noisy skin."""
    rng = np.random.default_rng((kind, seed))
    skin = np.clip(rng.normal((225, 180, 160), 6, (size[1], size[0], 3)), 0, 255)
    image = Image.fromarray(skin.astype(np.uint8))
    centre = np.array(size) / 2 + rng.uniform(-6, 6, 2)
    radius = min(size) * rng.uniform(0.2, 0.3)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = radius * (1 + rng.normal(0, 0.05 + 0.02 * kind, 24))
    outline = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    ImageDraw.Draw(image).polygon([tuple(p) for p in outline], fill=_COLOURS[kind])
    return image.filter(ImageFilter.GaussianBlur(1))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """What a file of the image holds."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def draw_folder(
    folder: Path, *, lesions: int = 6, images_per_lesion: int = 2, prefix: str = "", seed: int = 0
) -> Path:
    """Draw a data folder in the challenge's layout: so many lesions a class.

    Names begin with ``prefix``; photographs of another ``seed`` are other photographs.
    """
    (folder / "images").mkdir(parents=True)
    truth, metadata = [], []
    rng = np.random.default_rng(7)
    for kind, code in enumerate(CHALLENGE_CLASSES):
        for lesion in range(lesions):
            context = {
                "age_approx": "" if lesion == 1 else 20 + 5 * int(rng.integers(0, 13)),
                "anatom_site_general": "" if lesion == 2 else str(rng.choice(CHALLENGE_SITES)),
                "lesion_id": f"{prefix}{('HAM', 'BCN')[lesion % 2]}_{kind}{lesion:06d}",
                "sex": str(rng.choice(CHALLENGE_SEXES)),
            }
            for view in range(images_per_lesion):
                name = f"{prefix}TOY_{kind}{lesion:04d}{view:02d}"
                number = seed + lesion * images_per_lesion + view
                draw_lesion(kind, seed=number).save(folder / "images" / f"{name}.jpg", quality=95)
                truth.append({"image": name} | {c: float(c == code) for c in CHALLENGE_CLASSES})
                metadata.append({"image": name} | context)
    _write(folder / "Toy_GroundTruth.csv", truth)
    _write(folder / "Toy_Metadata.csv", metadata)
    return folder


def _write(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
