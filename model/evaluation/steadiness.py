"""How far the answer moves when the same lesion is photographed otherwise.

Whole photographs are changed, before the lesion is found: turned, mirrored, shrunk, recompressed,
given more skin around, which is made up, and cropped to less of their own.
"""

import math
from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter, ImageOps

from model.data.context import table_patients
from model.evaluation.intervals import Interval, LesionBootstrap, interval
from model.frame import Box
from model.image import read_image
from model.inference.predictor import Predictor

SAMPLE = 200
"""Lesions, drawn once; as many again whose photographs are sharp."""

_BATCH = 25  # photographs whose frames are held in memory


def turned_90(image: Image.Image) -> Image.Image:
    """By a quarter turn."""
    return image.transpose(Image.Transpose.ROTATE_90)


def mirrored(image: Image.Image) -> Image.Image:
    """Left for right."""
    return ImageOps.mirror(image)


def turned_30(image: Image.Image) -> Image.Image:
    """By 30 degrees about the middle; what comes in at the corners is mirrored skin."""
    width, height = image.size
    wide = np.pad(
        np.asarray(image), ((height // 2,) * 2, (width // 2,) * 2, (0, 0)), mode="symmetric"
    )
    turned = Image.fromarray(wide).rotate(30, Image.Resampling.BICUBIC)
    left, top = width // 2, height // 2
    return turned.crop((left, top, left + width, top + height))


def third_of_the_size(image: Image.Image) -> Image.Image:
    """A third as wide and high."""
    return image.resize([max(round(side / 3), 1) for side in image.size], Image.Resampling.LANCZOS)


def at_200_pixels(image: Image.Image) -> Image.Image:
    """Reduced to 200 pixels along the longer side, a third of the 600 that ISIC 2019 has most."""
    small = image.copy()
    small.thumbnail((200, 200), Image.Resampling.LANCZOS)
    return small


def recompressed(image: Image.Image) -> Image.Image:
    """JPEG at quality 50."""
    file = BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def twice_the_margin(image: Image.Image) -> Image.Image:
    """Twice as wide and high; the skin at the edge goes on, ever more blurred."""
    width, height = image.size
    pad = ((height // 2, height - height // 2), (width // 2, width - width // 2), (0, 0))
    large = Image.fromarray(np.pad(np.asarray(image), pad, mode="edge"))
    skin = large.filter(ImageFilter.GaussianBlur(max(image.size) / 20))
    skin.paste(image, (width // 2, height // 2))
    return skin


def half_the_margin(image: Image.Image, box: Box | None) -> Image.Image:
    """Crop each edge half of the way to the lesion; the photograph itself where none was found."""
    if box is None:
        return image
    x0, y0, x1, y1 = box
    width, height = image.size
    return image.crop(
        (int(x0 / 2), int(y0 / 2), math.ceil((x1 + width) / 2), math.ceil((y1 + height) / 2))
    )


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    change.__name__: change
    for change in (
        *(turned_90, mirrored, turned_30),
        *(third_of_the_size, at_200_pixels, recompressed, twice_the_margin),
    )
}
NAMES = (*CHANGES, half_the_margin.__name__)
"""Of all changes; the last one needs to know where the lesion is."""


def check_steadiness(
    predictor: Predictor, table: pd.DataFrame, *, sample: int | None = SAMPLE
) -> dict:
    """Measure on a sample of a table, or all of it, how answers move, with intervals by lesion.

    For each change: the median and the 90th percentile of the largest move of any probability, and
    the share of photographs whose most probable class changes. The sample is of so many lesions,
    ``sharp`` of as many whose photograph is not enlarged for the network.
    And the error rate of the thirds with the narrowest, middle and widest range over TTA views and
    scales, which shows how little an uncertainty that range is, or how much.
    """
    manifest = predictor.manifest
    rows = steadiness_sample(table, manifest.image.side, sample=sample)
    patients = table_patients(rows, manifest.patient.fields)
    answers = _answers(predictor, rows["path"].tolist(), patients)
    wrong = answers[:, 0].argmax(axis=1) != manifest.task.labels(rows["diagnosis"].tolist())
    drawn = rows["drawn"].to_numpy()
    widths = [
        max(high - low for low, high in predictor.study(path).ranges(patient).values())
        for path, patient, is_in in zip(rows["path"], patients, drawn, strict=True)
        if is_in
    ]
    bootstrap = LesionBootstrap(rows["lesion_id"][drawn].tolist(), draws=500)
    return {
        "images": int(drawn.sum()),
        "error_by_third_of_range": _by_thirds(wrong[drawn], np.array(widths), bootstrap),
        "changes": _changes(answers[drawn], bootstrap),
        "sharp": _sharp(rows, answers, manifest.image.side),
    }


def steadiness_sample(table: pd.DataFrame, side: int, *, sample: int | None) -> pd.DataFrame:
    """The rows on which steadiness is measured, one for each lesion, or all of them.

    With the columns ``drawn``, whether a row is in the sample of all photographs, and ``sharp``,
    whether it is in that of photographs with at least ``side`` pixels along the shorter side.
    """
    shuffled = table.iloc[np.random.default_rng(0).permutation(len(table))]
    rows = shuffled.drop_duplicates("lesion_id") if sample else shuffled
    is_sharp = rows[["width", "height"]].min(axis=1) >= side
    rows = rows.assign(drawn=True, sharp=is_sharp)
    if sample:
        rows["drawn"] = np.arange(len(rows)) < sample
        rows["sharp"] = is_sharp & (is_sharp.cumsum() <= sample)
    return rows[rows["drawn"] | rows["sharp"]].sort_index().reset_index(drop=True)


def _sharp(rows: pd.DataFrame, answers: np.ndarray, side: int) -> dict | None:
    """How answers to sharp photographs move; None if there are none."""
    sharp = rows["sharp"].to_numpy()
    if not sharp.any():
        return None
    bootstrap = LesionBootstrap(rows["lesion_id"][sharp].tolist(), draws=500)
    changes = _changes(answers[sharp], bootstrap)
    return {"images": int(sharp.sum()), "pixels": side, "changes": changes}


def _answers(predictor: Predictor, paths: Sequence, patients: Sequence) -> np.ndarray:
    """Probabilities (N, 1 + changes, classes), of the photograph itself first."""
    found = []
    versions = 1 + len(NAMES)
    for start in range(0, len(paths), _BATCH):
        photographs = [read_image(path) for path in paths[start : start + _BATCH]]
        views = [view for photograph in photographs for view in _views(predictor, photograph)]
        repeated = [p for p in patients[start : start + _BATCH] for _ in range(versions)]
        rows = predictor.predict_images(np.stack(views), repeated)
        found.append(rows.reshape(len(photographs), versions, -1))
    return np.concatenate(found)


def _views(predictor: Predictor, photograph: Image.Image) -> list[np.ndarray]:
    """The squares (S, side, side, 3) of a photograph, then those of its changed versions."""
    itself = predictor.frame(photograph)
    changed = [change(photograph) for change in CHANGES.values()]
    changed.append(half_the_margin(photograph, itself.box))
    return [itself.squares, *(predictor.frame(image).squares for image in changed)]


def _by_thirds(wrong: np.ndarray, widths: np.ndarray, bootstrap: LesionBootstrap) -> list[Interval]:
    third = np.argsort(np.argsort(widths, kind="stable"), kind="stable") * 3 // len(widths)
    found = []
    for number in range(3):
        members = third == number
        sums = bootstrap.sums(np.stack([wrong & members, members], axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(interval(sums[:, 0] / sums[:, 1]))
    return found


def _changes(answers: np.ndarray, bootstrap: LesionBootstrap) -> dict[str, dict]:
    return {
        name: _moves(answers[:, 0], answers[:, number], bootstrap)
        for number, name in enumerate(NAMES, start=1)
    }


def _moves(before: np.ndarray, after: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    moved = np.abs(after - before).max(axis=1)
    changed = before.argmax(axis=1) != after.argmax(axis=1)

    def figures(weights: np.ndarray) -> np.ndarray:
        quantiles = [_weighted_quantile(moved, weights, share) for share in (0.5, 0.9)]
        return np.stack([*quantiles, weights @ changed / weights.sum(axis=1)], axis=1)

    drawn = bootstrap.of_weights(figures)
    names = ("median_move", "move_90th_percentile", "first_answer_changes")
    found: dict[str, Interval] = {n: interval(drawn[:, k]) for k, n in enumerate(names)}
    return found


def _weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """Of values (N,), for each row of weights (draws, N): (draws,)."""
    order = np.argsort(values)
    reached = np.cumsum(weights[:, order], axis=1)
    place = (reached < share * reached[:, -1:]).sum(axis=1)
    return values[order][place]
