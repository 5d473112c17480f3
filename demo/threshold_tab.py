"""The classroom's threshold: what calling everyone above it means for a thousand patients."""

from html import escape
from types import SimpleNamespace

import gradio as gr

from demo.charts import people
from demo.events import QUIET
from demo.services import Services
from demo.style import styled_html
from demo.threshold import at_threshold, outcomes

# Blues are called, orange is the harm, grey the rest; told apart with any colour vision.
_COLOURS = {"found": "#0072b2", "missed": "#d55e00", "false": "#56b4e9", "cleared": "#a8a8a8"}


def add_threshold(services: Services, texts: SimpleNamespace) -> None:
    """Two sliders, and a thousand patients drawn as dots."""
    words = texts.classroom
    curves = services.manifest.metrics.get("test", {}).get("by_threshold", {})
    question = next((question for question in words.conditions if question in curves), None)
    if question is None:
        styled_html(f"<p>{escape(words.no_figures)}</p>")
        return
    stored, condition = curves[question], words.conditions[question]
    told = {"condition": condition}
    styled_html(f'<p class="prose">{escape(words.threshold_intro.format(**told))}</p>')
    with gr.Row():
        threshold = gr.Slider(
            0, 100, 20, step=1, label=words.threshold_label.format(**told), elem_id="threshold"
        )
        prevalence = gr.Slider(
            0, 30, 2, step=0.5, label=words.prevalence.format(**told), elem_id="prevalence"
        )
    drawn = patients(stored, 20, 2, condition=condition, texts=texts)
    chart = styled_html(drawn, elem_id="threshold-chart")

    def draw(threshold: float, prevalence: float) -> str:
        return patients(stored, threshold, prevalence, condition=condition, texts=texts)

    for knob in (threshold, prevalence):
        knob.input(draw, [threshold, prevalence], chart, trigger_mode="always_last", **QUIET)


def patients(
    stored: dict[str, list[float]],
    threshold: float,
    prevalence: float,
    *,
    condition: str,
    texts: SimpleNamespace,
) -> str:
    """Draw and say what a threshold (per cent) means for a thousand patients.

    ``condition`` is what some of them have, as in "melanoma".
    """
    words = texts.classroom
    sensitivity, specificity = at_threshold(stored, threshold / 100)
    found = outcomes(sensitivity, specificity, prevalence=prevalence / 100)
    groups = {
        words.found.format(condition=condition): (found.found, _COLOURS["found"]),
        words.missed.format(condition=condition): (found.missed, _COLOURS["missed"]),
        words.false_alarms: (found.false_alarms, _COLOURS["false"]),
        words.cleared: (found.cleared, _COLOURS["cleared"]),
    }
    key = "".join(
        f'<li><span class="dot" style="background:{colour}"></span>{count:,} {escape(name)}</li>'
        for name, (count, colour) in groups.items()
    )
    said = words.meaning.format(
        sensitivity=f"{100 * sensitivity:.0f} %",
        specificity=f"{100 * specificity:.0f} %",
        called=found.called,
        found=found.found,
        condition=condition,
    )
    drawn = people(groups, title=said)
    return f'<p class="headline">{escape(said)}</p><ul class="key">{key}</ul>{drawn}'
