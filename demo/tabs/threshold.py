"""Threshold: what referring everyone above it means for a thousand patients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import gradio as gr
from markupsafe import Markup

from demo.inputs import LATEST, styled_html
from demo.services import Services
from demo.templates import Templates

PATIENTS = 1_000

# Blues are referred, orange is the harm, grey the rest; told apart with any colour vision.
_COLOURS = {"found": "#0072b2", "missed": "#d55e00", "false": "#56b4e9", "cleared": "#a8a8a8"}
_THRESHOLD, _PREVALENCE = 20, 2  # per cent, at first
_SCREENING, _REFERRAL_CLINIC = 0.2, 10.0  # per cent, examples of prevalence


@dataclass(frozen=True)
class Outcomes:
    """What happens to a thousand patients, rounded to people, as natural frequencies."""

    found: int  # have it and are referred
    missed: int  # have it and are not referred
    false_alarms: int  # do not have it and are referred
    cleared: int  # do not have it and are not referred

    @property
    def referred(self) -> int:
        """All who are referred."""
        return self.found + self.false_alarms


def outcomes(sensitivity: float, specificity: float, *, prevalence: float) -> Outcomes:
    """Apply the two shares to a thousand patients, of whom ``prevalence`` (0 to 1) have it."""
    ill = round(PATIENTS * prevalence)
    found = round(ill * sensitivity)
    cleared = round((PATIENTS - ill) * specificity)
    return Outcomes(found, ill - found, PATIENTS - ill - cleared, cleared)


def predictive_values(
    sensitivity: float, specificity: float, *, prevalence: float
) -> tuple[float | None, float | None]:
    """PPV and NPV by Bayes' theorem, all from 0 to 1; None where nobody is on that side."""
    found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
    false, cleared = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    ppv = found / (found + false) if found + false else None
    return ppv, cleared / (cleared + missed) if cleared + missed else None


def at_threshold(stored: Mapping[str, Sequence[float]], threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity at the stored threshold that is nearest."""
    distances = [abs(value - threshold) for value in stored["threshold"]]
    nearest = distances.index(min(distances))
    return stored["sensitivity"][nearest], stored["specificity"][nearest]


def add_threshold(services: Services, templates: Templates) -> None:
    """Two sliders, marks of usual shares, and a thousand patients drawn as dots."""
    words = templates.texts.classroom
    curves = services.manifest.metrics.get("test", {}).get("by_threshold", {})
    question = next((question for question in words.conditions if question in curves), None)
    if question is None:
        styled_html(templates.render("paragraph", text=words.no_figures))
        return
    stored, condition = curves[question], words.conditions[question]
    intro = words.threshold_intro.format(condition=condition)
    styled_html(templates.render("paragraph", text=intro, kind="prose"))
    with gr.Row():
        label = words.threshold_label.format(condition=condition)
        threshold = gr.Slider(0, 100, _THRESHOLD, step=1, label=label, elem_id="threshold")
        label = words.prevalence.format(condition=condition)
        prevalence = gr.Slider(0.1, 50, _PREVALENCE, step=0.1, label=label, elem_id="prevalence")
    with gr.Row():
        marks = {
            _SCREENING: gr.Button(words.screening, size="sm", elem_id="screening"),
            _REFERRAL_CLINIC: gr.Button(words.referral_clinic, size="sm", elem_id="clinic"),
        }

    def draw(threshold: float, prevalence: float) -> Markup:
        return threshold_html(
            stored, threshold, prevalence, condition=condition, templates=templates
        )

    chart = styled_html(draw(_THRESHOLD, _PREVALENCE), elem_id="threshold-chart")
    for knob in (threshold, prevalence):
        knob.input(draw, [threshold, prevalence], chart, **LATEST)
    for share, button in marks.items():
        button.click(partial(_at_share, draw, share), threshold, [prevalence, chart], **LATEST)


def _at_share(
    draw: Callable[[float, float], Markup], share: float, threshold: float
) -> tuple[float, Markup]:
    """Move the slider to a share, per cent, and draw what it means."""
    return share, draw(threshold, share)


def threshold_html(
    stored: Mapping[str, Sequence[float]],
    threshold: float,
    prevalence: float,
    *,
    condition: str,
    templates: Templates,
) -> Markup:
    """Draw and say what a threshold (per cent) means for a thousand patients.

    ``condition`` is what some of them have, as in "melanoma".
    """
    words = templates.texts.classroom
    sensitivity, specificity = at_threshold(stored, threshold / 100)
    found = outcomes(sensitivity, specificity, prevalence=prevalence / 100)
    return templates.render(
        "threshold",
        sensitivity=sensitivity,
        specificity=specificity,
        outcomes=found,
        predictive=predictive_values(sensitivity, specificity, prevalence=prevalence / 100),
        condition=condition,
        groups={
            words.found.format(condition=condition): (found.found, _COLOURS["found"]),
            words.missed.format(condition=condition): (found.missed, _COLOURS["missed"]),
            words.false_alarms: (found.false_alarms, _COLOURS["false"]),
            words.cleared: (found.cleared, _COLOURS["cleared"]),
        },
    )
