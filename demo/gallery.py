"""The examples as buttons: a picture, its diagnosis and its patient."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache

from demo.events import QUIET
from demo.html import picture
from demo.inputs import shown_value
from demo.present import context_words, in_sentence
from demo.refusal import refusal
from demo.services import Example, Services
from demo.style import styled_html
from model.image import read_image
from model.inference.bundle import Manifest
from model.patient import Field

_SIDE = 112  # pixels of a button's picture, twice what is shown

_CHOOSE = """element.addEventListener('click', event => {
  const chosen = event.target.closest('button[data-number]');
  if (chosen) trigger('select', {number: Number(chosen.dataset.number)});
});"""


def add_gallery(
    demo: gr.Blocks,
    services: Services,
    texts: SimpleNamespace,
    *,
    image: gr.Image,
    inputs: Mapping[Field, gr.components.Component],
) -> Callable:
    """Show the examples, which fill the inputs of the photograph and of the patient's fields.

    They are asked for when the page loads, since better ones may have come. Gives the event's
    ``success``, to go on from there.
    """
    gallery = styled_html(elem_id="examples", js_on_load=_CHOOSE)
    offered = gr.State([])  # what this visitor sees, whatever comes later

    def fill() -> tuple[str, list[Example]]:
        examples = services.examples()
        return gallery_html(examples, services.manifest, texts), examples

    def choose(offered: list[Example], event: gr.EventData) -> tuple:
        number = event._data.get("number")
        if not isinstance(number, int) or not 0 <= number < len(offered):
            raise refusal(texts.errors.no_example)
        example, cache = offered[number], image.GRADIO_CACHE
        if isinstance(example.image, bytes):
            file = save_bytes_to_cache(example.image, "example.jpg", cache)
        else:
            file = save_file_to_cache(example.image, cache)
        return file, *(shown_value(example.patient.get(field.key), field) for field in inputs)

    demo.load(fill, None, [gallery, offered], **QUIET)
    return gallery.select(choose, offered, [image, *inputs.values()], **QUIET).success


def gallery_html(examples: Sequence[Example], manifest: Manifest, texts: SimpleNamespace) -> str:
    """A list of buttons, and where the pictures are from; nothing without examples."""
    if not examples:
        return ""
    buttons = "".join(
        f'<li><button type="button" data-number="{number}">{thumbnail(example.image)}'
        f"<span>{_caption(example, manifest, texts)}</span></button></li>"
        for number, example in enumerate(examples)
    )
    return (
        f"<h2>{escape(texts.inputs.examples)}</h2>"
        f'<ul class="examples">{buttons}</ul>{_origins(examples, texts)}'
    )


@lru_cache(maxsize=64)
def thumbnail(image: Path | bytes) -> str:
    """A small picture; its words stand beside it."""
    photograph = read_image(image)
    photograph.thumbnail((2 * _SIDE, _SIDE))
    return picture(photograph, "")


def _caption(example: Example, manifest: Manifest, texts: SimpleNamespace) -> str:
    diagnosis = manifest.classes[example.diagnosis]
    if not example.real:
        diagnosis = texts.inputs.drawn.format(diagnosis=in_sentence(diagnosis))
    said = [context_words(example.patient, manifest.patient.fields, texts)]
    said += [texts.inputs.missed] if example.missed else []
    return f"<strong>{escape(diagnosis)}</strong> {escape('; '.join(said))}"


def _origins(examples: Sequence[Example], texts: SimpleNamespace) -> str:
    drawn = f"{texts.inputs.drawn_origin} {texts.inputs.real_ones}"
    origins = list(dict.fromkeys(one.origin if one.real else drawn for one in examples))
    if len(origins) == 1:
        return f'<p class="scope">{escape(origins[0])}</p>'
    listed = "".join(f"<li>{escape(origin)}</li>" for origin in origins)
    return (
        f'<details class="scope"><summary>{escape(texts.inputs.origins)}</summary>'
        f"<ul>{listed}</ul></details>"
    )
