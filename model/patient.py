"""The patient's context: each field described once, and read, encoded and grouped by it.

A further field is an entry of :data:`FIELDS`; everything else iterates over them, by name.
"""

import math
import reprlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.errors import BundleError, PatientError

UNKNOWN = "unknown"
YES_NO = ("no", "yes")
"""Words of a field whose values say nothing without its name."""

Value = float | str
"""Of a known field: a number in the field's unit, or one of its words."""


@dataclass(frozen=True)
class _Named:
    column: str  # in tables, as the ISIC challenge or the Archive names it
    key: str  # for people: on the page, over REST, in reports

    @property
    def name(self) -> str:
        """The key as people read it."""
        return self.key.replace("_", " ")


@dataclass(frozen=True)
class NumberField(_Named):
    """A field that is measured."""

    kind: ClassVar[str] = "number"

    unit: str
    low: float  # accepted, both ends included
    high: float
    cap: float  # larger values are encoded as this one
    step: float  # between two values that "what if" asks for, from one step to the cap
    bands: tuple[float, ...]  # whole numbers at which a new subgroup begins

    scaled: ClassVar[tuple[str, ...]] = ("mean", "std")  # what `fit` gives

    def parse(self, value: object, name: str) -> float | None:
        """Read a raw value; see :meth:`Patient.parse`."""
        if is_unknown(value):
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not self.low <= number <= self.high:
            raise PatientError(
                f"{name} {reprlib.repr(value)} is not a number of {self.unit} from {self.low:g} to "
                f"{self.high:g}. Give the {self.key} in {self.unit}, or leave it empty if it is "
                "unknown."
            )
        return number

    def group(self, value: float | None) -> str:
        """Name of the subgroup that a value belongs to."""
        return UNKNOWN if value is None else self.groups[bisect_right(self.bands, value)]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the subgroups, in order; ``unknown`` comes last."""
        between = [f"{a:g}-{b - 1:g}" for a, b in zip(self.bands, self.bands[1:], strict=False)]
        return (f"under {self.bands[0]:g}", *between, f"{self.bands[-1]:g} and over", UNKNOWN)

    @property
    def variations(self) -> tuple[float, ...]:
        """Values that "what if" asks for."""
        count = round(self.cap / self.step)
        return tuple(self.step * number for number in range(1, count + 1))

    @property
    def width(self) -> int:
        """Columns of the encoded field: the scaled number, and whether it is known."""
        return 2

    def fit(self, values: Sequence[float | None]) -> dict[str, float]:
        """Mean and standard deviation of the known values of the training part."""
        known = np.asarray([v for v in values if v is not None and not math.isnan(v)], float)
        if not len(known):
            return {"mean": (self.low + self.cap) / 2, "std": (self.cap - self.low) / 4}
        return {"mean": float(known.mean()), "std": max(float(known.std()), 1.0)}

    def encode(self, value: float | None, scaling: Mapping[str, float]) -> list[float]:
        """An unknown value is encoded as 0, 0: the mean, flagged as not known."""
        if value is None:
            return [0.0, 0.0]
        return [(min(value, self.cap) - scaling["mean"]) / scaling["std"], 1.0]

    def say(self, value: float) -> str:
        """A known value within a list, as "age 55"."""
        return f"{self.name} {value:g}"


@dataclass(frozen=True)
class ChoiceField(_Named):
    """A field with a list of words."""

    kind: ClassVar[str] = "choice"

    words: tuple[str, ...]

    scaled: ClassVar[tuple[str, ...]] = ()

    def parse(self, value: object, name: str) -> str | None:
        """Read a raw value; see :meth:`Patient.parse`."""
        if is_unknown(value):
            return None
        if not isinstance(value, str) or value.strip() not in self.words:
            raise PatientError(
                f"{name} {reprlib.repr(value)} is not one of the field's words. "
                f"Use one of: {', '.join(self.words)}, or {UNKNOWN}."
            )
        return value.strip()

    def group(self, value: str | None) -> str:
        """Name of the subgroup that a value belongs to."""
        return UNKNOWN if value is None else value

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the subgroups, in order; ``unknown`` comes last."""
        return (*self.words, UNKNOWN)

    @property
    def variations(self) -> tuple[str | None, ...]:
        """Values that "what if" asks for; None is unknown."""
        return (*self.words, None)

    @property
    def width(self) -> int:
        """Columns of the encoded field: one per word, and one for unknown."""
        return len(self.words) + 1

    def fit(self, values: Sequence[str | None]) -> dict[str, float]:
        """A no-op: words need no scaling."""
        return {}

    def encode(self, value: str | None, scaling: Mapping[str, float]) -> list[float]:
        """One-hot over the words, then unknown.

        Raises:
            PatientError: a word that is not in the list, as of another version of the field.
        """
        if value not in (*self.words, None):
            self.parse(value, self.key)
        return [float(value == word) for word in (*self.words, None)]

    def say(self, value: str) -> str:
        """A known value within a list, as "female" or "family history: yes"."""
        return f"{self.name}: {value}" if set(self.words) == set(YES_NO) else value


Field = NumberField | ChoiceField

AGE = NumberField(
    "age_approx",
    "age",
    unit="years",
    low=0,
    high=120,
    cap=85,  # the Archive records 85 for everyone older
    step=5,
    bands=(30, 45, 60, 75),
)
SEX = ChoiceField("sex", "sex", CHALLENGE_SEXES)
SITE = ChoiceField("anatom_site_general", "site", CHALLENGE_SITES)

FIELDS: tuple[Field, ...] = (AGE, SEX, SITE)
"""The schema of new trainings, in the order of the encoded vector. A bundle has its own, since it
answers by the fields that it was trained with: ``PatientEncoder.fields``."""


class Patient(Mapping[str, Value]):
    """One patient's known fields by key, as ``{"age": 55.0, "sex": "female"}``; immutable.

    A field that is not in it is unknown: ``patient.get("site")`` gives None. Build it from raw
    values with :meth:`parse`, which checks them.
    """

    def __init__(self, **known: Value | None) -> None:
        """Take checked values by key; None is unknown."""
        self._known = {key: value for key, value in known.items() if value is not None}

    @classmethod
    def parse(cls, raw: Mapping[str, object], fields: Sequence[Field] = FIELDS) -> "Patient":
        """Read raw values by key or column, as ``{"age_approx": "55", "sex": None}``.

        ``None``, NaN, NA, an empty string and ``"unknown"`` all mean unknown.

        Raises:
            PatientError: a name that is no field, a field given under both names, a number out of
                range, or a word that is not in the field's list.
        """
        names = {name: field for field in fields for name in (field.key, field.column)}
        if foreign := [name for name in raw if name not in names]:
            known = ", ".join(field.key for field in fields)
            raise PatientError(f"{foreign[0]!r} is no field of the patient. Fields: {known}.")
        values: dict[str, Value | None] = {}
        for name, value in raw.items():
            field = names[name]
            parsed, key = field.parse(value, name), field.key
            if parsed is not None and values.get(key) is not None:
                raise PatientError(f"{key} came twice. Give {key} or {field.column}, not both.")
            values[key] = values.get(key) if parsed is None else parsed
        # In the schema's order, whatever the order of the source.
        return cls(**{field.key: values.get(field.key) for field in fields})

    def only(self, keys: Sequence[str] | frozenset[str]) -> "Patient":
        """The patient with all other fields unknown."""
        return Patient(**{key: value for key, value in self.items() if key in keys})

    def replace(self, key: str, value: Value | None) -> "Patient":
        """The patient with one field at another value; None makes it unknown."""
        return Patient(**{**self._known, key: value})

    def __getitem__(self, key: str) -> Value:
        """Value of a known field."""
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        """Keys of the known fields."""
        return iter(self._known)

    def __len__(self) -> int:
        """Number of known fields."""
        return len(self._known)

    def __hash__(self) -> int:
        """Equal patients have equal hashes."""
        return hash(frozenset(self._known.items()))

    def __repr__(self) -> str:
        """The expression that builds it."""
        return f"Patient({', '.join(f'{key}={value!r}' for key, value in self.items())})"


def describe(patient: Patient, fields: Sequence[Field]) -> str:
    """What is known of a patient, as "age 55, female, head/neck"; empty if nothing is."""
    return ", ".join(field.say(patient[field.key]) for field in fields if field.key in patient)


def vary(patient: Patient, field: Field) -> dict[Value | None, Patient]:
    """The patient at each value that "what if" asks of a field: value → patient."""
    return {value: patient.replace(field.key, value) for value in field.variations}


@dataclass(frozen=True)
class PatientEncoder:
    """Turns patients into the network's second input. It travels in the bundle.

    The vector holds the fields one after another: of a number its scaled value and whether it is
    known, of a choice one column per word, then one for unknown.
    """

    fields: tuple[Field, ...]
    scaling: Mapping[str, Mapping[str, float]]  # by key

    @classmethod
    def fit(
        cls, patients: Sequence[Patient], fields: tuple[Field, ...] = FIELDS
    ) -> "PatientEncoder":
        """Take mean and standard deviation of numbers from the training part's patients."""
        return cls(fields, {f.key: f.fit([p.get(f.key) for p in patients]) for f in fields})

    @property
    def width(self) -> int:
        """Number of columns of the encoded vector."""
        return sum(field.width for field in self.fields)

    @property
    def slices(self) -> dict[str, slice]:
        """The columns of each field, by key."""
        ends = np.cumsum([field.width for field in self.fields]).tolist()
        starts = [0, *ends]
        return {f.key: slice(a, b) for f, a, b in zip(self.fields, starts, ends, strict=False)}

    def encode(self, patients: Sequence[Patient]) -> np.ndarray:
        """Encode patients, in their order: float32, shape (N, width)."""
        rows = [
            [
                number
                for field in self.fields
                for number in field.encode(patient.get(field.key), self.scaling[field.key])
            ]
            for patient in patients
        ]
        return np.array(rows, np.float32).reshape(len(patients), self.width)

    def drop(self, encoded: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return a copy of ``encoded`` (N, width) in which the marked fields are unknown.

        ``masks`` maps a field's key to a boolean mask of shape (N,).
        """
        unknown = self.encode([Patient()])[0]
        dropped = encoded.copy()
        for key, mask in masks.items():
            dropped[mask, self.slices[key]] = unknown[self.slices[key]]
        return dropped

    def to_dict(self) -> dict:
        """Plain values for JSON: a list of fields."""
        entries = [{"kind": f.kind, **asdict(f), **self.scaling[f.key]} for f in self.fields]
        return {"fields": entries}

    @classmethod
    def from_dict(cls, values: Mapping) -> "PatientEncoder":
        """The inverse of :meth:`to_dict`; reads the encoder of bundles of format 1, too.

        Raises:
            BundleError: a field of a kind that this version does not know.
        """
        entries = values["fields"] if "fields" in values else _entries_of_format_1(values)
        found, scaling = [], {}
        for entry in entries:
            rest = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
            kind = _KINDS.get(rest.pop("kind"))
            if kind is None:
                raise BundleError(
                    f"the bundle has a patient field of kind {entry['kind']!r}, which this version "
                    "does not know. Use the version of the project that wrote it."
                )
            scaling[rest["key"]] = {name: rest.pop(name) for name in kind.scaled}
            found.append(kind(**rest))
        return cls(tuple(found), scaling)


_KINDS = {kind.kind: kind for kind in (NumberField, ChoiceField)}


def _entries_of_format_1(values: Mapping) -> list[dict]:
    """Bundles of format 1 knew the three fields of the challenge only."""
    age, sex, site = ({"kind": f.kind, **asdict(f)} for f in (AGE, SEX, SITE))
    age |= {"cap": values["age_cap"], "mean": values["age_mean"], "std": values["age_std"]}
    return [age, sex | {"words": values["sexes"]}, site | {"words": values["sites"]}]


def is_unknown(value: object) -> bool:
    """Whether a raw value stands for "unknown"."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return True
    return isinstance(value, str) and value.strip().lower() in ("", UNKNOWN)
