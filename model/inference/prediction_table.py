"""Predictions for programs: CSV in the challenge's format, or a line of JSON per photograph."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

import numpy as np

from isic_api.files import PlainWriter, plain_cell
from model.inference.study import Study
from model.patient import Patient

__all__ = ["PredictionTable", "plain_cell", "prediction_line", "prediction_record", "same_lesion"]
# The page escapes its cells by the same rule as the table.


class PredictionTable:
    """Writes one row per image; no name becomes a formula in a spreadsheet."""

    def __init__(self, file: IO[str], codes: Sequence[str]) -> None:
        """Write the header into a file that was opened with ``newline=""``."""
        self._writer = PlainWriter(file)
        self._writer.writerow(["image", *codes])

    def write(self, name: str, probabilities: Iterable[float]) -> None:
        """Write one image's probabilities, in the order of the codes."""
        self._writer.writerow([name, *(f"{value:.9g}" for value in probabilities)])


def prediction_record(study: Study, patient: Patient) -> dict[str, object]:
    """The prediction for one photograph, ready for JSON.

    probabilities: by code. box: x0, y0, x1, y1 of the lesion in pixels of the upright photograph,
    or None. frame: the square that the network saw, likewise. lesions: how many were found. range:
    by code, lowest and highest probability over TTA views and scales. ood_score: above 1, unlike
    the training images; None without a detector. warnings: keys of
    :attr:`model.inference.study.Study.warnings`.
    """
    framed = study.framed
    ranges = study.ranges(patient)
    return {
        "probabilities": study.probabilities(patient),
        "box": None if framed.box is None else [round(x, 1) for x in framed.box],
        "frame": None if framed.frame is None else [round(x, 1) for x in framed.frame.box],
        "lesions": framed.lesions,
        "range": {code: list(ends) for code, ends in ranges.items()},
        "ood_score": study.ood_score,
        "warnings": list(study.warnings),
    }


def prediction_line(name: str, record: Mapping[str, object]) -> str:
    """A record as one line of JSON, its key ``image`` first."""
    return json.dumps({"image": name, **record}, ensure_ascii=False)


def same_lesion(probabilities: np.ndarray) -> np.ndarray:
    """One prediction (classes,) for a lesion from those of its photographs (P, classes).

    The mean of their log-probabilities, scaled to sum to 1.
    """
    logs = np.log(np.maximum(probabilities, 1e-12)).mean(axis=0)
    together = np.exp(logs - logs.max())
    return together / together.sum()
