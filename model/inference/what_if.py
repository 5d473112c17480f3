"""What if the patient were different: Shapley values of the known fields, and fields varied.

Everything here calls a function from patients to probabilities, which is cheap once a photograph's
embedding is known.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from model.patient import Field, Patient, Value, vary

Predict = Callable[[Sequence[Patient]], np.ndarray]
"""Gives probabilities (N, classes) of one photograph for N patients."""


def contributions(
    predict: Predict, patient: Patient, fields: Sequence[Field]
) -> dict[str, np.ndarray]:
    """How far each field moved each probability: key → (classes,).

    Exact Shapley values (Shapley 1953; for predictions Lundberg and Lee 2017): a field's change of
    the probabilities, averaged over all orders in which the fields may become known. They sum to
    the probabilities with context less those without; an unknown field's are 0.
    """
    known = [field.key for field in fields if field.key in patient]
    subsets = [frozenset(some) for n in range(len(known) + 1) for some in combinations(known, n)]
    rows = predict([patient.only(subset) for subset in subsets])
    value = dict(zip(subsets, rows, strict=True))
    zero = np.zeros_like(rows[0])
    return {f.key: sum(_steps(f.key, known, value), start=zero) for f in fields}


def _steps(key: str, known: list[str], value: Mapping[frozenset, np.ndarray]) -> list:
    """The field's weighted steps from every set of others to that set with the field."""
    count = len(known)
    return [
        factorial(len(some))
        * factorial(count - len(some) - 1)
        / factorial(count)
        * (value[some | {key}] - value[some])
        for some in value
        if key in known and key not in some
    ]


def what_if(predict: Predict, patient: Patient, field: Field) -> dict[Value | None, np.ndarray]:
    """The probabilities at each value that a field is varied to: value → (classes,)."""
    supposed = vary(patient, field)
    return dict(zip(supposed, predict(list(supposed.values())), strict=True))
