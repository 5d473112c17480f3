"""Two or more bundles on the same images, with paired intervals.

Every draw of lesions is the same for all bundles, so what they have in common cancels out of a
difference and its interval is narrower than the two intervals would suggest.
"""

import numpy as np

from model.evaluation.headline import headline_draws
from model.evaluation.intervals import interval, two_sided_p
from model.evaluation.outcome import Outcome
from model.evaluation.rendering import (
    HEADLINES,
    headline_lines,
    headlines_in,
    text_table,
    with_ci,
)


def compare(outcomes: dict[str, Outcome]) -> dict:
    """Headline figures of every bundle, and the differences of the later ones from the first.

    All outcomes must be of one table and one bootstrap.
    """
    drawn = {name: _draws(outcome) for name, outcome in outcomes.items()}
    first, *others = drawn
    shared = [key for key in HEADLINES if all(key in figures for figures in drawn.values())]
    return {
        "first": first,
        "figures": {
            name: {key: interval(values) for key, values in figures.items()}
            for name, figures in drawn.items()
        },
        "differences": {
            name: {key: _difference(drawn[name][key], drawn[first][key]) for key in shared}
            for name in others
        },
    }


def compare_text(found: dict) -> str:
    """Write a comparison as plain text, one block per bundle."""
    lines = [found["first"], *headline_lines(found["figures"][found["first"]])]
    for name, differences in found["differences"].items():
        lines += ["", f"{name}, and its difference from {found['first']}"]
        rows = [
            (
                text,
                with_ci(found["figures"][name][key]),
                with_ci(differences[key]),
                f"p = {_p(differences[key]['p'])}",
            )
            for key, text in headlines_in(differences).items()
        ]
        lines += text_table(rows)
    return "\n".join(lines)


def _draws(outcome: Outcome) -> dict[str, np.ndarray]:
    figures = headline_draws(outcome)
    return {key: figures[key] for key in headlines_in(figures)}


def _difference(values: np.ndarray, first: np.ndarray) -> dict:
    return interval(values - first) | {"p": two_sided_p(values - first)}


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
