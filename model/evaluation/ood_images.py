"""Out-of-distribution images: no dermoscopic photographs of the eight diagnoses.

All are drawn or cut anew from what scikit-learn and Matplotlib ship; none shows a patient.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.cbook import get_sample_data
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images

SIDE = 200  # pixels
_SKIN = np.array([[236, 200, 180], [215, 170, 145], [180, 130, 100], [120, 80, 60]])


def ood_images(count: int, *, seed: int = 0) -> dict[str, list[Image.Image]]:
    """Make ``count`` RGB images of every kind, by the kind's name."""
    rng = np.random.default_rng(seed)
    pictures = _pictures()
    kinds: dict[str, Callable[[], Image.Image]] = {
        "natural pictures": lambda: _natural(pictures, rng),
        "white noise": lambda: Image.fromarray(
            rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        ),
        "soft noise": lambda: _soft_noise(rng),
        "synthetic clinical photographs": lambda: _clinical(rng),
        "synthetic skin without a lesion": lambda: _skin(rng),
    }
    return {name: [make() for _ in range(count)] for name, make in kinds.items()}


def _pictures() -> list[Image.Image]:
    """A temple, a flower and a portrait."""
    with get_sample_data("grace_hopper.jpg") as file:
        portrait = Image.open(file).convert("RGB")
    return [*(Image.fromarray(image) for image in load_sample_images().images), portrait]


def _natural(pictures: list[Image.Image], rng: np.random.Generator) -> Image.Image:
    picture = pictures[rng.integers(len(pictures))]
    side = int(rng.integers(120, 400))
    left = int(rng.integers(picture.width - side))
    top = int(rng.integers(picture.height - side))
    return picture.crop((left, top, left + side, top + side))


def _soft_noise(rng: np.random.Generator) -> Image.Image:
    noise = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE, 3)), (8, 8, 0))
    return Image.fromarray((noise / noise.std() * 50 + 128).clip(0, 255).astype(np.uint8))


def _skin(rng: np.random.Generator) -> Image.Image:
    """Skin in one of four tones under light that falls off to one side."""
    tone = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.9, 1.1)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = 1 + rng.uniform(0.05, 0.3) * (np.cos(angle) * x + np.sin(angle) * y)
    texture = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1.5) * 12
    skin = tone * light[..., None] + texture[..., None]
    return Image.fromarray(skin.clip(0, 255).astype(np.uint8))


def _clinical(rng: np.random.Generator) -> Image.Image:
    """A limb from afar, before a dull ground, with a lesion of a few pixels."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in rng.integers(30, 220, 3)))
    mask = Image.new("L", image.size)
    width = int(rng.integers(50, 110))
    ImageDraw.Draw(mask).rounded_rectangle(
        (SIDE // 2 - width, -SIDE, SIDE // 2 + width, 2 * SIDE), radius=width, fill=255
    )
    mask = mask.rotate(float(rng.uniform(0, 180))).filter(ImageFilter.GaussianBlur(2))
    image.paste(_skin(rng), mask=mask)
    x, y = rng.uniform(0.35, 0.65, 2) * SIDE
    radius = rng.uniform(3, 9)
    colour = tuple(int(v) for v in rng.integers((50, 25, 20), (130, 75, 65)))
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image.filter(ImageFilter.GaussianBlur(0.8))
