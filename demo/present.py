"""From numbers to HTML, without Gradio."""

import math
from collections.abc import Mapping
from html import escape
from types import SimpleNamespace

from model.patient import Patient


def percentages(probabilities: Mapping[str, float], *, decimals: int = 1) -> dict[str, float]:
    """Round to percent so that the shown values sum to exactly 100 (largest remainder method)."""
    units = 100 * 10**decimals
    exact = {code: p * units for code, p in probabilities.items()}
    shown = {code: math.floor(value) for code, value in exact.items()}
    missing = round(sum(exact.values())) - sum(shown.values())
    for code in sorted(exact, key=lambda code: shown[code] - exact[code])[:missing]:
        shown[code] += 1
    return {code: value / 10**decimals for code, value in shown.items()}


def context_words(patient: Patient, texts: SimpleNamespace) -> str:
    """Say what is known of the patient, as in "age 55, female, head/neck"."""
    known = [] if patient.age_approx is None else [texts.result.age.format(age=patient.age_approx)]
    known += [word for word in (patient.sex, patient.anatom_site_general) if word]
    return ", ".join(known) or texts.result.no_context


def bars(
    probabilities: Mapping[str, float],
    names: Mapping[str, str],
    *,
    patient: Patient,
    texts: SimpleNamespace,
) -> str:
    """Draw a table of one bar a diagnosis, in the order of ``names`` (code → full name)."""
    shown = percentages(probabilities)
    rows = "".join(_bar(code, names[code], shown[code]) for code in names)
    caption = texts.result.caption.format(context=context_words(patient, texts))
    return (
        f'<table class="bars"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(texts.result.diagnosis)}</th>'
        f'<th scope="col" colspan="2">{escape(texts.result.probability)}</th></tr></thead>'
        f'<tbody>{rows}</tbody></table><p class="scope">{escape(texts.result.scope)}</p>'
    )


def placeholder(texts: SimpleNamespace) -> str:
    """What stands in place of the bars before the first prediction."""
    return f'<p class="empty">{escape(texts.result.empty)}</p>'


def _bar(code: str, name: str, percent: float) -> str:
    return (
        f'<tr data-class="{escape(code)}"><th scope="row">{escape(name)} '
        f"<abbr>{escape(code)}</abbr></th>"
        f'<td class="track"><div class="bar" style="width:{percent:.1f}%"></div></td>'
        f'<td class="value">{percent:.1f} %</td></tr>'
    )
