"""Masks of lesions, and what follows from them: the lesion's share of the photograph, skin tone.

Outlines are PNG files of the photograph's size, ``NAME.png`` or ``NAME_segmentation.png``, white
where the lesion is. The skin's tone is the individual typology angle (ITA; Chardon et al. 1991) of
the skin around the lesion. It is an estimate with known limits: dermoscopes light and press the
skin and are not colour-calibrated, so cameras differ more than some patients do, and reddened or
sun-tanned skin reads darker. It is no Fitzpatrick type.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import binary_dilation

from model.image import ImagePreprocessor, bright_box, read_image

SIZE_BOUNDS = {"under 10 %": 0.10, "10-25 %": 0.25, "over 25 %": 1.01}
"""Groups of the lesion's share of the photograph → their upper bound."""

TONES = {
    "very light": 55.0,
    "light": 41.0,
    "intermediate": 28.0,
    "tan": 10.0,
    "brown": -30.0,
    "dark": -90.1,
}
"""Groups of ITA → their lower bound in degrees (Del Bino et al. 2006)."""

_MARGIN = 0.04  # of the width: skin nearer to the outline may still be lesion
_DARK, _BRIGHT = 30, 250  # of 255: black border and hair, and glare
_FEWEST_PIXELS = 200
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])  # D65


def mask_file(folders: Sequence[Path], name: str) -> Path | None:
    """The file of an image's outline, in the first folder that has one; None if none has."""
    files = (folder / f"{name}{end}.png" for folder in folders for end in ("", "_segmentation"))
    return next((file for file in files if file.is_file()), None)


def read_mask(folders: Sequence[Path], name: str) -> np.ndarray | None:
    """Read an image's outline as bool (height, width); None if there is none."""
    file = mask_file(folders, name)
    if file is None:
        return None
    with Image.open(file) as mask:
        return np.asarray(mask.convert("L")) > 127


def prepared_mask(
    folders: Sequence[Path], name: str, photograph: Path, preprocessor: ImagePreprocessor
) -> np.ndarray | None:
    """Bring an image's outline to where the lesion is in the prepared image: bool (side, side)."""
    mask = read_mask(folders, name)
    if mask is None:
        return None
    image = read_image(photograph)
    outline = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)
    if preprocessor.crop_border:
        outline = outline.crop(bright_box(image))
    side = preprocessor.side
    return np.asarray(outline.resize((side, side), Image.Resampling.NEAREST))


def mask_groups(table: pd.DataFrame, folders: Sequence[Path]) -> pd.DataFrame | None:
    """Name each image's lesion size and skin tone: columns lesion_size and skin_tone.

    An image without an outline, or without enough skin beside it, has no name. None if no image
    has an outline.
    """
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(_describe, table["image"], table["path"], repeat(folders)))
    groups = pd.DataFrame(rows, columns=["lesion_size", "skin_tone"], dtype=object)
    return None if groups["lesion_size"].isna().all() else groups


def typology_angle(rgb: np.ndarray) -> np.ndarray:
    """ITA in degrees of sRGB colours (..., 3) in [0, 255]; high is light."""
    share = np.asarray(rgb, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    scaled = linear @ _TO_XYZ.T / _WHITE
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    lightness = 116 * root[..., 1] - 16
    yellow = 200 * (root[..., 1] - root[..., 2])
    return np.degrees(np.arctan2(lightness - 50, yellow))


def size_group(share: float) -> str:
    """Name of the group of a lesion that covers this share of its photograph."""
    return next(name for name, bound in SIZE_BOUNDS.items() if share < bound)


def tone_group(angle: float) -> str:
    """Name of the group of an ITA in degrees."""
    return next((name for name, bound in TONES.items() if angle > bound), "dark")


def skin_angle(photograph: np.ndarray, mask: np.ndarray) -> float | None:
    """Median ITA of the skin around a lesion; None if too little of it shows.

    Takes uint8 (height, width, 3) and bool (height, width).
    """
    margin = max(1, round(_MARGIN * mask.shape[1]))
    skin = ~binary_dilation(mask, iterations=margin)
    skin &= (photograph.min(axis=2) > _DARK) & (photograph.max(axis=2) < _BRIGHT)
    if skin.sum() < _FEWEST_PIXELS:
        return None
    return float(np.median(typology_angle(photograph[skin])))


def _describe(name: str, path: Path, folders: Sequence[Path]) -> tuple[str | None, str | None]:
    mask = read_mask(folders, name)
    if mask is None:
        return None, None
    image = read_image(path).resize(mask.shape[::-1])
    angle = skin_angle(np.asarray(image), mask)
    return size_group(mask.mean()), None if angle is None else tone_group(angle)
