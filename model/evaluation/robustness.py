"""What photographs of poorer quality cost: figures against the severity of a change."""

from collections.abc import Callable
from io import BytesIO
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from model.data.context import table_patients
from model.evaluation.evaluate import outcome_of
from model.evaluation.intervals import interval
from model.evaluation.outcome import Outcome, headline_draws
from model.inference.predictor import Predictor

PER_CLASS = 25
"""Images of each class in the sample: all changes are 50 runs of the network over it."""

_DRAWS = 500
_SHOWN = ("balanced_accuracy", "melanoma_sensitivity")


def check_robustness(
    predictor: Predictor, outcome: Outcome, images: np.ndarray, *, per_class: int | None = PER_CLASS
) -> dict:
    """Balanced accuracy, and melanoma sensitivity if known, at every severity of every change.

    Measured on at most ``per_class`` images of each, drawn once, or on all. Severity 0 is the
    unchanged sample. Without TTA, so only differences within this table can be read, not its level.
    """
    chosen = sample_per_class(outcome.labels, most=per_class)
    sample = np.asarray(images[chosen])
    table = outcome.table.iloc[chosen].reset_index(drop=True)
    patients = table_patients(table, predictor.manifest.patient.fields)

    def measure(name: str, severity: int) -> dict:
        changed = corrupt(sample, name, severity)
        probabilities = predictor.predict_images(changed, patients, tta=False)
        found = outcome_of(table, probabilities, predictor.manifest, draws=_DRAWS)
        figures = headline_draws(found, ranks=False)
        return {"severity": severity} | {
            key: interval(figures[key]) for key in _SHOWN if key in figures
        }

    unchanged = measure("", 0)
    return {
        "images": len(chosen),
        "changes": {
            name: [unchanged, *(measure(name, severity) for severity in SEVERITIES)]
            for name in CORRUPTIONS
        },
    }


def sample_per_class(
    labels: np.ndarray, *, most: int | None = PER_CLASS, seed: int = 0
) -> np.ndarray:
    """Draw at most so many images of every class, or all; their positions, sorted."""
    order = np.random.default_rng(seed).permutation(len(labels))
    kept = [order[labels[order] == label][:most] for label in np.unique(labels)]
    return np.sort(np.concatenate(kept))


SEVERITIES = (1, 2, 3, 4, 5)
_FINE = 4  # pixels drawn for one of the image


def darker(image: Image.Image, severity: int) -> Image.Image:
    """Down to half the brightness."""
    return ImageEnhance.Brightness(image).enhance(1 - 0.1 * severity)


def brighter(image: Image.Image, severity: int) -> Image.Image:
    """Up to one and a half times the brightness."""
    return ImageEnhance.Brightness(image).enhance(1 + 0.1 * severity)


def contrast(image: Image.Image, severity: int) -> Image.Image:
    """Down to a quarter of the contrast."""
    return ImageEnhance.Contrast(image).enhance(1 - 0.15 * severity)


def blur(image: Image.Image, severity: int) -> Image.Image:
    """Up to a standard deviation of 4 % of the side."""
    return image.filter(ImageFilter.GaussianBlur(0.008 * severity * image.width))


def jpeg(image: Image.Image, severity: int) -> Image.Image:
    """Down to JPEG quality 10."""
    file = BytesIO()
    image.save(file, "JPEG", quality=(100, 70, 50, 30, 20, 10)[severity])
    return Image.open(file).convert("RGB")


def rotation(image: Image.Image, severity: int) -> Image.Image:
    """By 30 to 150 degrees; the corners are filled by mirroring."""
    side = image.width
    mirrored = np.pad(np.asarray(image), ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), "reflect")
    turned = Image.fromarray(mirrored).rotate(30 * severity, Image.Resampling.BILINEAR)
    return turned.crop((side // 2, side // 2, side // 2 + side, side // 2 + side))


def closer(image: Image.Image, severity: int) -> Image.Image:
    """Down to the middle half of the side, as from nearer by."""
    cut = 0.05 * severity * image.width
    box = (cut, cut, image.width - cut, image.height - cut)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)


def farther(image: Image.Image, severity: int) -> Image.Image:
    """Down to half the size, as from farther off; the edge goes on as it ends."""
    border = round(0.1 * severity * image.width)
    wide = np.pad(np.asarray(image), ((border,) * 2, (border,) * 2, (0, 0)), "edge")
    return Image.fromarray(wide).resize(image.size, Image.Resampling.BOX)


def hair(image: Image.Image, severity: int) -> Image.Image:
    """Up to twenty dark curved hairs, in other places on every image."""
    rng = np.random.default_rng(crc32(image.tobytes()))
    # Drawn large and shrunk, so that a hair is soft and thinner than a pixel is wide.
    large = _FINE * image.width
    mask = Image.new("L", (large, large))
    for _ in range(4 * severity):
        width = int(rng.integers(_FINE // 2, _FINE + 2))
        ImageDraw.Draw(mask).line(_curve(rng, large), 220, width, joint="curve")
    drawn = image.copy()
    drawn.paste((45, 30, 20), mask=mask.resize(image.size, Image.Resampling.BOX))
    return drawn


def ruler(image: Image.Image, severity: int) -> Image.Image:
    """Scale marks along the lower edge, up to 15 % of the side long."""
    drawn, side = image.copy(), image.width
    draw = ImageDraw.Draw(drawn)
    for number in range(21):
        length = 0.03 * severity * side * (1.0 if number % 5 == 0 else 0.6)
        x = side * (0.02 + 0.048 * number)
        draw.line((x, side, x, side - length), (20, 20, 30), max(1, side // 100))
    return drawn


CORRUPTIONS: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    change.__name__: change
    for change in (
        *(darker, brighter, contrast, blur, jpeg),
        *(rotation, closer, farther, hair, ruler),
    )
}


def corrupt(images: np.ndarray, name: str, severity: int) -> np.ndarray:
    """Change prepared images (..., side, side, 3), uint8."""
    if severity == 0:
        return images
    change = CORRUPTIONS[name]
    squares = images.reshape(-1, *images.shape[-3:])
    changed = [np.asarray(change(Image.fromarray(square), severity)) for square in squares]
    return np.stack(changed).reshape(images.shape)


def _curve(rng: np.random.Generator, side: int) -> list[tuple[float, float]]:
    """Points of a quadratic Bezier curve across a square."""
    ends = rng.uniform(-0.1, 1.1, (2, 2)) * side
    bend = ends.mean(axis=0) + rng.normal(0, 0.12 * side, 2)
    t = np.linspace(0, 1, 24)[:, None]
    points = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * bend + t**2 * ends[1]
    return [tuple(point) for point in points]
