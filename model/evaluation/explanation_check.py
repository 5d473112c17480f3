"""Whether Grad-CAMs mark what the prediction depends on, and the lesion.

Two questions, both against a baseline that knows nothing of the image:
- how much of a map lies on the lesion, compared with a blob in the middle of the image, since
  lesions are mostly there;
- how far the probability falls when the marked fifth of the image is blurred away, compared with a
  fifth of the same shape that is moved elsewhere, and with the fifth in the middle.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter

from model.data.context import table_patients
from model.data.lesion_masks import prepared_mask, read_mask
from model.evaluation.intervals import Interval, LesionBootstrap, interval
from model.evaluation.outcome import Outcome
from model.frame import crop_frame
from model.image import read_image
from model.inference.grad_cam import enlarge
from model.inference.predictor import Predictor

MARKED = 0.20
"""Share of the image that is deleted."""

MOST_EXPLAINED = 400
"""Images at most."""

PREDICTIONS_EACH = 4
"""Of the image itself, and with a fifth blurred in three places."""

_BLUR = 0.15  # of the side: no structure is left
_BLOB = 0.20  # of the side, standard deviation of the blob in the middle
_SHARES = ("map", "centre_blob", "marked_fifth", "centre_fifth", "lesion_area")


def check_explanations(
    predictor: Predictor, outcome: Outcome, images: np.ndarray, mask_folders: Sequence[Path]
) -> dict:
    """Answer both questions for maps of the predicted class, of at most 400 images.

    ``on_lesion`` is None where no image has an outline in ``mask_folders``.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:MOST_EXPLAINED])
    table = outcome.table.iloc[chosen]
    predicted = outcome.predictions[chosen]
    # Of a network that sees frames, those of the first scale, which maps are made of.
    prepared = np.asarray(images[chosen] if images.ndim == 4 else images[chosen, 0])
    patients = table_patients(table, outcome.manifest.patient.fields)
    maps = predictor.grad_cam(prepared, patients, predicted)
    large = np.stack([enlarge(map_, prepared.shape[1:3]) for map_ in maps])
    bootstrap = _Selection(outcome.bootstrap, chosen)
    return {
        "images": len(chosen),
        "on_lesion": _on_lesion(large, table, predictor, mask_folders, bootstrap),
        "deletion": _deletion(predictor, table, prepared, large, predicted, bootstrap),
    }


class _Selection:
    """Means over some of the bootstrap's images."""

    def __init__(self, bootstrap: LesionBootstrap, rows: np.ndarray) -> None:
        self.bootstrap, self.rows = bootstrap, rows

    def mean(self, values: np.ndarray) -> Interval:
        """Mean of what is not NaN, with its interval."""
        table = np.zeros((len(self.bootstrap.lesion), 2))
        table[self.rows] = np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=1)
        sums = self.bootstrap.sums(table)
        whole = np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
        return interval(sums[:, 0] / whole)


def _on_lesion(
    maps: np.ndarray,
    table: pd.DataFrame,
    predictor: Predictor,
    mask_folders: Sequence[Path],
    selection: _Selection,
) -> dict | None:
    """Shares of the map, its highest fifth, their like in the middle and the image on lesions."""
    masks = [
        _mask_of(predictor, mask_folders, row.image, row.path)
        for row in table.itertuples(index=False)
    ]
    if all(mask is None for mask in masks):
        return None
    blob = centre_blob(maps.shape[1])
    tops, middle = most_marked(maps), most_marked(blob[None])[0]
    shares = {name: np.full(len(maps), np.nan) for name in _SHARES}
    for row, mask in enumerate(masks):
        if mask is not None:
            areas = (maps[row], blob, tops[row], middle, np.ones_like(blob))
            for name, area in zip(_SHARES, areas, strict=True):
                shares[name][row] = mass_inside(area, mask)
    return {
        "images": sum(mask is not None for mask in masks),
        **{name: selection.mean(values) for name, values in shares.items()},
        "map_minus_blob": selection.mean(shares["map"] - shares["centre_blob"]),
        "fifth_minus_centre": selection.mean(shares["marked_fifth"] - shares["centre_fifth"]),
    }


def _mask_of(
    predictor: Predictor, mask_folders: Sequence[Path], name: str, path: Path
) -> np.ndarray | None:
    """An image's outline where the lesion is in the first square: bool (side, side), or None."""
    preprocessor = predictor.manifest.image
    if predictor.finder is None:
        return prepared_mask(mask_folders, name, path, preprocessor)
    mask = read_mask(mask_folders, name)
    if mask is None:
        return None
    photograph = read_image(path)
    outline = Image.fromarray(mask).resize(photograph.size).convert("L")
    frame = predictor.frame(photograph).frame
    return np.asarray(crop_frame(outline, frame, preprocessor.side)) > 127


def _deletion(
    predictor: Predictor,
    table: pd.DataFrame,
    images: np.ndarray,
    maps: np.ndarray,
    predicted: np.ndarray,
    selection: _Selection,
) -> dict:
    """How far the predicted class's probability falls on blurring one fifth of the image."""
    marked = most_marked(maps)
    half = images.shape[1] // 2
    places = {
        "marked": marked,
        "elsewhere": np.roll(marked, (half, half), axis=(1, 2)),
        "centre": np.repeat(most_marked(centre_blob(images.shape[1])[None]), len(images), axis=0),
    }
    rows = np.arange(len(images))
    patients = table_patients(table, predictor.manifest.patient.fields)
    before = predictor.predict_images(images, patients, tta=False)[rows, predicted]
    falls = {
        name: before
        - predictor.predict_images(blurred_where(images, place), patients, tta=False)[
            rows, predicted
        ]
        for name, place in places.items()
    }
    apart = {f"minus_{name}": falls["marked"] - falls[name] for name in ("elsewhere", "centre")}
    means = {name: selection.mean(values) for name, values in (falls | apart).items()}
    return {"share_of_image": MARKED, **means}


def most_marked(maps: np.ndarray) -> np.ndarray:
    """Mark the highest fifth of each map (N, h, w), always as many pixels: bool."""
    flat = maps.reshape(len(maps), -1)
    ranks = flat.argsort(axis=1, kind="stable").argsort(axis=1)
    return (ranks >= flat.shape[1] * (1 - MARKED)).reshape(maps.shape)


def blurred_where(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Copies of images (N, side, side, 3), blurred where ``places`` (N, side, side) is set."""
    sigma = _BLUR * images.shape[1]
    blurred = gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0))
    return np.where(places[..., None], blurred, images).astype(np.uint8)


def centre_blob(side: int) -> np.ndarray:
    """A Gaussian blob in the middle of a square, 1 at its peak."""
    line = np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (_BLOB * side)) ** 2)
    return np.outer(line, line)


def mass_inside(map_: np.ndarray, mask: np.ndarray) -> float:
    """Share of a map's sum that lies on the mask; NaN for an empty map."""
    total = map_.sum()
    return float(map_[mask].sum() / total) if total > 0 else float("nan")
