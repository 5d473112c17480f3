"""The patient's context: age, sex and anatomical site, each of which may be unknown."""

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.errors import PatientError

UNKNOWN = "unknown"
FIELDS = ("age_approx", "sex", "anatom_site_general")
"""The official column names, in the order of the encoded vector."""

AGE_RANGE = (0, 120)
"""Ages in years that are accepted, both ends included."""


@dataclass(frozen=True)
class Patient:
    """One patient's context in the challenge's words; ``None`` is unknown.

    Build it with :meth:`parse`, which checks the values.
    """

    age_approx: float | None = None  # years
    sex: str | None = None
    anatom_site_general: str | None = None

    @classmethod
    def parse(
        cls,
        age: object = None,
        sex: object = None,
        site: object = None,
        *,
        names: Sequence[str] = ("age", "sex", "site"),
    ) -> "Patient":
        """Read raw values: ``None``, NaN, NA, an empty string and ``"unknown"`` all mean unknown.

        ``names`` are what the source calls the three, for it to be told what is wrong.

        Raises:
            PatientError: an age that is no number from 0 to 120, or a word that is not in the
                challenge's list.
        """
        return cls(
            _parse_age(age, names[0]),
            _parse_word(sex, names[1], CHALLENGE_SEXES),
            _parse_word(site, names[2], CHALLENGE_SITES),
        )


@dataclass(frozen=True)
class PatientEncoder:
    """Turns patients into the network's second input. Its fields travel in the bundle.

    The vector holds, in this order: scaled age and its known flag; one column a sex, then
    "unknown"; one column a site, then "unknown". An unknown age is encoded as 0, 0: the average
    age, flagged as not known.
    """

    age_mean: float  # years, over the training part
    age_std: float
    age_cap: float  # years; the Archive records 85 for everyone older
    sexes: tuple[str, ...] = CHALLENGE_SEXES
    sites: tuple[str, ...] = CHALLENGE_SITES

    @classmethod
    def fit(cls, ages: Sequence[float]) -> "PatientEncoder":
        """Take mean and standard deviation from the known ages (years) of the training part."""
        known = np.asarray([age for age in ages if age is not None and not math.isnan(age)])
        if not len(known):
            return cls(age_mean=50.0, age_std=20.0, age_cap=85.0)
        return cls(float(known.mean()), max(float(known.std()), 1.0), 85.0)

    @property
    def width(self) -> int:
        """Number of columns of the encoded vector."""
        return 2 + len(self.sexes) + 1 + len(self.sites) + 1

    @property
    def slices(self) -> dict[str, slice]:
        """The columns of each field, under its official name."""
        sex_end = 2 + len(self.sexes) + 1
        columns = (slice(0, 2), slice(2, sex_end), slice(sex_end, self.width))
        return dict(zip(FIELDS, columns, strict=True))

    def encode(self, patients: Sequence[Patient]) -> np.ndarray:
        """Encode patients, in their order: float32, shape (N, width)."""
        rows = np.zeros((len(patients), self.width), np.float32)
        for row, patient in zip(rows, patients, strict=True):
            if patient.age_approx is not None:
                age = min(patient.age_approx, self.age_cap)
                row[0:2] = (age - self.age_mean) / self.age_std, 1.0
            row[2 + _position(patient.sex, self.sexes)] = 1.0
            row[3 + len(self.sexes) + _position(patient.anatom_site_general, self.sites)] = 1.0
        return rows

    def forget(self, encoded: np.ndarray, fields: dict[str, np.ndarray]) -> np.ndarray:
        """Return a copy of ``encoded`` (N, width) in which the marked fields are unknown.

        ``fields`` maps a field's name to a boolean mask of shape (N,).
        """
        unknown = self.encode([Patient()])[0]
        forgotten = encoded.copy()
        for name, mask in fields.items():
            forgotten[mask, self.slices[name]] = unknown[self.slices[name]]
        return forgotten


def is_unknown(value: object) -> bool:
    """Whether a raw value stands for "unknown"."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return True
    return isinstance(value, str) and value.strip().lower() in ("", UNKNOWN)


def _parse_age(value: object, field: str) -> float | None:
    if is_unknown(value):
        return None
    low, high = AGE_RANGE
    try:
        age = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        age = math.nan
    if not low <= age <= high:
        raise PatientError(
            f"{field} {reprlib.repr(value)} is not a number of years from {low} to {high}. "
            "Give the age in years, or leave it empty if it is unknown."
        )
    return age


def _parse_word(value: object, field: str, words: tuple[str, ...]) -> str | None:
    if is_unknown(value):
        return None
    if not isinstance(value, str) or value.strip() not in words:
        raise PatientError(
            f"{field} {reprlib.repr(value)} is not one of the challenge's words. "
            f"Use one of: {', '.join(words)}, or {UNKNOWN}."
        )
    return value.strip()


def _position(word: str | None, words: tuple[str, ...]) -> int:
    return len(words) if word is None else words.index(word)
