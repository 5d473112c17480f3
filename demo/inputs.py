"""The fields of photograph and patient, and reading them."""

from types import SimpleNamespace

import gradio as gr

from demo.refusal import refusing
from demo.services import Services
from demo.uploads import uploaded
from model.inference.study import Study
from model.patient import AGE_RANGE, UNKNOWN, Patient


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


def age_input(texts: SimpleNamespace) -> gr.Number:
    """Years; empty is unknown. To be emptied when the page loads, see ``interface``."""
    low, high = AGE_RANGE
    age = gr.Number(
        label=texts.inputs.age,
        placeholder=texts.inputs.age_placeholder,
        info=texts.inputs.age_rule.format(low=low, high=high),  # seen while it is broken
        minimum=low,
        maximum=high,
        elem_id="age",
        min_width=120,
    )
    # What is wrong with an age, Patient says by name and with the next step; Gradio does not.
    age.preprocess = lambda value: value
    return age


def words_input(
    label: str,
    words: tuple[str, ...],
    texts: SimpleNamespace,
    *,
    elem_id: str,
    scale: int = 1,
) -> gr.Radio:
    """One of a field's words, or unknown."""
    choices = [*((word, word) for word in words), (texts.inputs.unknown, UNKNOWN)]
    return gr.Radio(
        choices,
        value=UNKNOWN,
        label=label,
        min_width=160,
        scale=scale,
        elem_id=elem_id,
        elem_classes="compact",
    )


def open_study(
    services: Services, image: str | None, context: tuple, texts: SimpleNamespace
) -> tuple[Study, Patient]:
    """Check what came in and open the photograph; what can be mended becomes a sentence.

    Raises:
        gr.Error: with a sentence for the visitor or program.
    """
    path = uploaded(image, texts)
    with refusing(texts):
        patient = Patient.parse(*context)
        return services.study(path), patient
