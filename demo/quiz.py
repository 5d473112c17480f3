"""The quiz of a class: a guess first, then the network without context, then with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Round:
    """One photograph that was guessed. All are class codes."""

    truth: str
    guess: str
    alone: str  # the network's most probable, from the image alone
    whole: str  # with context


@dataclass(frozen=True)
class Score:
    """Right answers of so many rounds."""

    rounds: int
    guesses: int
    alone: int
    whole: int


def score(rounds: Sequence[Round]) -> Score:
    """Count who was right."""
    return Score(
        len(rounds),
        sum(one.guess == one.truth for one in rounds),
        sum(one.alone == one.truth for one in rounds),
        sum(one.whole == one.truth for one in rounds),
    )


def confusion(rounds: Sequence[Round], codes: Sequence[str]) -> list[list[int]]:
    """The class's guesses: rows the truth, columns the guess, in the order of ``codes``."""
    counts = np.zeros((len(codes), len(codes)), int)
    for one in rounds:
        counts[codes.index(one.truth), codes.index(one.guess)] += 1
    return counts.tolist()
