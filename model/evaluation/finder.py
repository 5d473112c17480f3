"""How well the lesion finder draws outlines: intersection over union, by size of the lesion."""

import keras
import numpy as np
import pandas as pd
from PIL import Image

from model.data.lesion_masks import SIZE_BOUNDS, size_group
from model.evaluation.intervals import Interval, LesionBootstrap, interval
from model.evaluation.report_text import text_table, with_ci
from model.frame import FINDER_SIDE, Frame, crop_frame
from model.image import read_image
from model.inference.tta import aligned_mean, tta_views

_ALL = "all"
_BATCH = 32


def finder_figures(finder: keras.Model, table: pd.DataFrame) -> dict[str, dict]:
    """Mean IoU with 95 % interval over all photographs and by size of the lesion.

    Averaged over all eight right-angle views, as answers are. ``table`` has the columns path, mask
    (file of the outline) and lesion_id.
    """
    pairs = [_pair(finder, row.path, row.mask) for row in table.itertuples(index=False)]
    overlaps = np.array([_iou(*pair) for pair in pairs])
    sizes = np.array([size_group(truth.mean()) for truth, _ in pairs])
    bootstrap = LesionBootstrap(table["lesion_id"])
    groups = {_ALL: np.ones(len(sizes), bool)} | {name: sizes == name for name in SIZE_BOUNDS}
    return {
        name: {"images": int(rows.sum()), "iou": _mean(bootstrap, overlaps, rows)}
        for name, rows in groups.items()
        if rows.any()
    }


def finder_text(part: str, figures: dict[str, dict]) -> str:
    """The figures as a table for the terminal."""
    rows = [(name, f"{row['images']:,}", with_ci(row["iou"])) for name, row in figures.items()]
    head = (f"{part}: lesion's share of the photograph", "images", "IoU")
    return "\n".join(text_table([head, *rows]))


def _pair(finder: keras.Model, path: str, mask: str) -> tuple[np.ndarray, np.ndarray]:
    """The true and the found outline of one photograph, bool (h, w) without the margins."""
    image = read_image(path)
    frame = Frame.whole(*image.size)
    square = np.asarray(crop_frame(image, frame, FINDER_SIDE), np.float32)
    logits = finder.predict_on_batch(np.concatenate(list(tta_views(square[None], 8))))[..., 0]
    share = aligned_mean(1 / (1 + np.exp(-logits)))
    side = max(image.size)
    found = Image.fromarray(share).resize((side, side), Image.Resampling.BILINEAR)
    left, top = ((side - length) // 2 for length in image.size)
    found = np.asarray(found)[top : top + image.height, left : left + image.width] > 0.5
    with Image.open(mask) as file:
        truth = np.asarray(file.convert("L").resize(image.size, Image.Resampling.BILINEAR)) > 127
    return truth, found


def _iou(truth: np.ndarray, found: np.ndarray) -> float:
    """1 where both are empty."""
    either = (truth | found).sum()
    return float((truth & found).sum() / either) if either else 1.0


def _mean(bootstrap: LesionBootstrap, values: np.ndarray, rows: np.ndarray) -> Interval:
    sums, counts = bootstrap.sums(values * rows), bootstrap.sums(rows.astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(sums / counts)
