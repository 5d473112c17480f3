"""An answer summed up as malignant against benign, for tasks that say what is malignant.

Not a verdict: a sum of probabilities beside a threshold that was set on validation images, and
what that threshold gave on the test part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import SimpleNamespace

from demo.present import in_sentence, percent
from model.inference.bundle import Manifest

POINT = "at_90_sensitivity"

Interval = Mapping[str, float | None]


@dataclass(frozen=True)
class Malignancy:
    """Probabilities from 0 to 1, which sum to 1 with those of the precursors."""

    malignant: float
    benign: float
    precursors: dict[str, float]  # by code
    malignant_codes: list[str]
    threshold: float | None  # of the malignant sum, for 90 % sensitivity on validation images
    sensitivity: dict[str, float] | None  # that the threshold had on the test part, with interval
    specificity: dict[str, float] | None


def malignancy(probabilities: Mapping[str, float], manifest: Manifest) -> Malignancy | None:
    """Sum an answer up; None where the task does not say which classes are malignant."""
    task = manifest.task
    if not task.malignant:
        return None
    malignant = sum(probabilities[code] for code in task.malignant)
    precursors = {code: probabilities[code] for code in task.precursors}
    benign = sum(p for code, p in probabilities.items() if code not in precursors) - malignant
    threshold = manifest.operating_points.get("malignant", {}).get(POINT)
    points = manifest.metrics.get("test", {}).get("operating_points", {})
    measured = points.get("malignant", {}).get(POINT, {}) if threshold is not None else {}
    return Malignancy(
        malignant,
        max(benign, 0.0),  # rounding may leave it just below
        precursors,
        list(task.malignant),
        threshold,
        measured.get("sensitivity"),
        measured.get("specificity"),
    )


def malignancy_html(
    found: Malignancy | None, names: Mapping[str, str], *, alike: bool, texts: SimpleNamespace
) -> str:
    """Say it in two sentences; ``alike`` tells whether the photograph is like those measured on."""
    if found is None:
        return ""
    words = texts.malignancy
    parts = [words.malignant.format(share=percent(found.malignant))]
    parts += [words.benign.format(share=percent(found.benign))]
    parts += [
        words.precursor.format(name=in_sentence(names[code]), share=percent(p))
        for code, p in found.precursors.items()
    ]
    said = []
    if len(found.malignant_codes) > 1:
        said.append(words.sum.format(codes=", ".join(found.malignant_codes)))
    if found.threshold is not None:
        side = words.reaches if found.malignant >= found.threshold else words.below
        said.append(side.format(threshold=percent(found.threshold)))
    if alike and found.sensitivity and found.specificity:
        shares = {k: _share(getattr(found, k)) for k in ("sensitivity", "specificity")}
        said.append(words.measured.format(**shares))
    return (
        f'<p class="malignancy"><strong>{escape("; ".join(parts))}.</strong> '
        f"{escape(' '.join(said))}</p>"
    )


def _share(interval: Interval) -> str:
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return f"{value:.0f} % ({low:.0f}–{high:.0f} %)"
