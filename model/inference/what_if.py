"""What the patient's context changed: contributions of its fields, and answers to "what if".

Everything here asks a function from patients to probabilities, which is cheap once a photograph's
embedding is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np

from model.patient import FIELDS, UNKNOWN, Patient

Answer = Callable[[Sequence[Patient]], np.ndarray]
"""Gives probabilities (N, classes) of one photograph for N patients."""

AGES = tuple(range(5, 90, 5))
"""Years at which the answer is asked for; the Archive records ages in steps of five, to 85."""


def contributions(answer: Answer, patient: Patient) -> dict[str, np.ndarray]:
    """How far each field moved each probability: field → (classes,).

    Exact Shapley values (Shapley 1953; for predictions Lundberg and Lee 2017): a field's change of
    the answer, averaged over all orders in which the fields may become known. They sum to the
    answer with context less the answer without; an unknown field's are 0.
    """
    known = [field for field in FIELDS if getattr(patient, field) is not None]
    subsets = [frozenset(some) for n in range(len(known) + 1) for some in combinations(known, n)]
    rows = answer([_only(patient, subset) for subset in subsets])
    value = dict(zip(subsets, rows, strict=True))
    zero = np.zeros_like(rows[0])
    return {field: sum(_steps(field, known, value), start=zero) for field in FIELDS}


def _steps(field: str, known: list[str], value: Mapping[frozenset, np.ndarray]) -> list:
    """The field's weighted steps from every set of others to that set with the field."""
    count = len(known)
    return [
        factorial(len(some))
        * factorial(count - len(some) - 1)
        / factorial(count)
        * (value[some | {field}] - value[some])
        for some in value
        if field in known and field not in some
    ]


def _only(patient: Patient, fields: frozenset[str]) -> Patient:
    """The patient with the other fields unknown."""
    return Patient(**{field: getattr(patient, field) for field in fields})


def by_age(
    answer: Answer, patient: Patient, sexes: Sequence[str]
) -> dict[str, list[tuple[float, np.ndarray]]]:
    """The answer at each of ``AGES`` for each sex and for an unknown one: sex → [(age, row)]."""
    words = [*sexes, UNKNOWN]
    patients = [
        replace(patient, age_approx=float(age), sex=_known(sex)) for sex in words for age in AGES
    ]
    rows = answer(patients).reshape(len(words), len(AGES), -1)
    return {sex: list(zip(AGES, rows[n], strict=True)) for n, sex in enumerate(words)}


def by_site(answer: Answer, patient: Patient, sites: Sequence[str]) -> dict[str, np.ndarray]:
    """The answer at each anatomical site and at an unknown one: site → (classes,)."""
    words = [*sites, UNKNOWN]
    rows = answer([replace(patient, anatom_site_general=_known(site)) for site in words])
    return dict(zip(words, rows, strict=True))


def _known(word: str) -> str | None:
    return None if word == UNKNOWN else word
