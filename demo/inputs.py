"""The patient's fields on the page: one input per field of the schema."""

from collections.abc import Sequence
from functools import partial

import gradio as gr

from demo.gradio_patches import keep_number
from demo.texts import Texts, load_texts
from model.patient import UNKNOWN, ChoiceField, Field, NumberField, Value

Inputs = dict[Field, gr.components.Component]

_FEW = 3  # words that have room beside another field


def patient_inputs(fields: Sequence[Field], texts: Texts) -> Inputs:
    """One input per field, with its key as the page's id."""
    with gr.Row():
        return {
            field: _number_input(field, texts)
            if isinstance(field, NumberField)
            else _choice_input(field, texts, elem_id=field.key)
            for field in fields
        }


def supposed_inputs(fields: Sequence[Field], texts: Texts) -> Inputs:
    """One input per field, to suppose another value; a number's is within its variations."""
    return {
        field: gr.Slider(
            field.variations[0],
            field.variations[-1],
            step=field.step,
            label=number_label(field, texts),
            elem_id=f"if-{field.key}",
        )
        if isinstance(field, NumberField)
        else _choice_input(field, texts, elem_id=f"if-{field.key}")
        for field in fields
    }


def label_of(key: str, texts: Texts) -> str:
    """What the page calls a field: in English without a translation, by its key without a text."""
    labels = load_texts().fields | texts.fields
    return labels.get(key, key.replace("_", " ").capitalize())


def number_label(field: NumberField, texts: Texts) -> str:
    """The field with its unit, as "Age in years"."""
    return texts.inputs.number.format(label=label_of(field.key, texts), unit=texts.word(field.unit))


def shown_value(value: Value | None, field: Field) -> Value | None:
    """What a field's input shows for a value; None is unknown."""
    return UNKNOWN if value is None and isinstance(field, ChoiceField) else value


def _number_input(field: NumberField, texts: Texts) -> gr.Number:
    """Empty is unknown."""
    number = gr.Number(
        label=number_label(field, texts),
        placeholder=texts.inputs.unknown,
        # Seen while it is broken.
        info=texts.inputs.number_rule.format(low=field.low, high=field.high),
        minimum=field.low,
        maximum=field.high,
        elem_id=field.key,
        elem_classes="number",
        min_width=120,
    )
    keep_number(number)
    return number


def _choice_input(field: ChoiceField, texts: Texts, *, elem_id: str) -> gr.Radio:
    """One of a field's words, or unknown."""
    choices = [*((texts.word(word), word) for word in field.words), (texts.inputs.unknown, UNKNOWN)]
    return compact_radio(
        choices,
        value=UNKNOWN,
        label=label_of(field.key, texts),
        min_width=160 if len(field.words) <= _FEW else 400,
        scale=2,
        elem_id=elem_id,
    )


PRIVATE = {"api_visibility": "private"}
"""Of events: none of them is an endpoint for programs."""
QUIET = PRIVATE | {"show_progress": "hidden"}
LATEST = QUIET | {"trigger_mode": "always_last"}
"""Of events that come faster than they are answered."""

styled_html = partial(gr.HTML, apply_default_css=False)
"""Builds a component of HTML that looks as the page's own style says."""

compact_radio = partial(gr.Radio, elem_classes="compact")
"""Builds a choice whose options stand close together."""
