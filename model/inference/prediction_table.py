"""Predictions as CSV in the challenge's format: image, and the probability of each class."""

from collections.abc import Iterable, Sequence
from typing import IO

from isic_api.files import PlainWriter, plain_cell

__all__ = ["PredictionTable", "plain_cell"]  # the page escapes its cells by the same rule


class PredictionTable:
    """Writes one row per image; no name becomes a formula in a spreadsheet."""

    def __init__(self, file: IO[str], codes: Sequence[str]) -> None:
        """Write the header into a file that was opened with ``newline=""``."""
        self._writer = PlainWriter(file)
        self._writer.writerow(["image", *codes])

    def write(self, name: str, probabilities: Iterable[float]) -> None:
        """Write one image's probabilities, in the order of the codes."""
        self._writer.writerow([name, *(f"{value:.9g}" for value in probabilities)])
