"""The fields of photograph and patient, and reading them."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import gradio as gr

from demo.refusal import refusing
from demo.services import Services
from demo.uploads import uploaded
from model.inference.study import Study
from model.patient import UNKNOWN, ChoiceField, Field, NumberField, Patient, Value

_FEW = 3  # words that have room beside another field


def image_input(texts: SimpleNamespace, *, height: int = 265) -> gr.Image:
    """A photograph by upload, paste or camera."""
    image = gr.Image(
        type="filepath",
        sources=["upload", "clipboard", "webcam"],
        label=texts.inputs.image,
        alt_text=texts.inputs.image_alt,
        height=height,
        elem_id="image",
        buttons=[],
    )
    # Gradio would open the file itself and fail without a word that a visitor can use.
    image.preprocess = lambda upload: upload and upload.path
    return image


def patient_inputs(
    fields: Sequence[Field], texts: SimpleNamespace
) -> dict[Field, gr.components.Component]:
    """One input per field, with its key as the page's id."""
    with gr.Row():
        return {
            field: _number_input(field, texts)
            if isinstance(field, NumberField)
            else choice_input(field, texts, elem_id=field.key)
            for field in fields
        }


def label_of(key: str, texts: SimpleNamespace) -> str:
    """What the page calls a field; a bundle's own, which has no text, by its key."""
    return getattr(texts.fields, key, key.replace("_", " ").capitalize())


def number_label(field: NumberField, texts: SimpleNamespace) -> str:
    """The field with its unit, as "Age in years"."""
    return texts.inputs.number.format(label=label_of(field.key, texts), unit=field.unit)


def _number_input(field: NumberField, texts: SimpleNamespace) -> gr.Number:
    """Empty is unknown. To be emptied when the page loads, see ``predict_tab``."""
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
    # What is wrong with a number, Patient says by name and with the next step; Gradio does not.
    number.preprocess = lambda value: value
    return number


def choice_input(field: ChoiceField, texts: SimpleNamespace, *, elem_id: str) -> gr.Radio:
    """One of a field's words, or unknown."""
    choices = [*((word, word) for word in field.words), (texts.inputs.unknown, UNKNOWN)]
    return gr.Radio(
        choices,
        value=UNKNOWN,
        label=label_of(field.key, texts),
        min_width=160 if len(field.words) <= _FEW else 400,
        scale=2,
        elem_id=elem_id,
        elem_classes="compact",
    )


def shown_value(value: Value | None, field: Field) -> Value | None:
    """What a field's input shows for a value; None is unknown."""
    return UNKNOWN if value is None and isinstance(field, ChoiceField) else value


def open_study(
    services: Services, image: str | None, context: Mapping[str, object], texts: SimpleNamespace
) -> tuple[Study, Patient]:
    """Check what came in and open the photograph; what can be mended becomes a sentence.

    ``context`` is by the fields' keys; of them the network takes those that it knows.

    Raises:
        gr.Error: with a sentence for the visitor or program.
    """
    path = uploaded(image, texts)
    fields = services.manifest.patient.fields
    own = {field.key: context.get(field.key) for field in fields}
    with refusing(texts):
        patient = Patient.parse(own, fields)
        return services.study(path), patient
