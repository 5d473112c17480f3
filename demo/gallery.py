"""The examples as buttons: a picture, its diagnosis and its patient."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import gradio as gr
from gradio.events import Dependency
from markupsafe import Markup

from demo.formatting import in_sentence, jpeg_uri
from demo.gradio_patches import event_value, into_cache, user_error
from demo.inputs import QUIET, Inputs, shown_value, styled_html
from demo.prediction import context_words
from demo.services import Example, Services
from demo.templates import Templates
from demo.texts import Texts
from model.image import read_image
from model.inference.bundle import Manifest

_SIDE = 112  # pixels of a button's picture, twice what is shown

_CHOOSE = """element.addEventListener('click', event => {
  const chosen = event.target.closest('button[data-number]');
  if (chosen) trigger('select', {number: Number(chosen.dataset.number)});
});
// One stop for Tab, inside which arrow keys move.
element.addEventListener('keydown', event => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const buttons = [...element.querySelectorAll('button[data-number]')];
  const here = buttons.indexOf(event.target);
  if (!step || here < 0) return;
  event.preventDefault();
  const next = buttons[(here + step + buttons.length) % buttons.length];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
});"""


class Gallery:
    """The examples of one network."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Lay it out."""
        self.services, self.templates = services, templates
        self.html = styled_html(elem_id="examples", js_on_load=_CHOOSE)
        self.offered = gr.State([])  # what this visitor sees, whatever comes later

    def connect(self, demo: gr.Blocks, image: gr.Image, inputs: Inputs) -> Dependency:
        """Fill photograph and patient with the example that is chosen; gives that event.

        The examples are asked for when the page loads, since better ones may have come.
        """

        def choose(offered: list[Example], event: gr.EventData) -> tuple:
            number = event_value(event, "number")
            if not isinstance(number, int) or not 0 <= number < len(offered):
                raise user_error(self.templates.texts.errors.no_example)
            example = offered[number]
            known = [shown_value(example.patient.get(field.key), field) for field in inputs]
            return into_cache(image, example.image, "example.jpg"), *known

        demo.load(self.fill, None, [self.html, self.offered], **QUIET)
        return self.html.select(choose, self.offered, [image, *inputs.values()], **QUIET)

    def fill(self) -> tuple[Markup, list[Example]]:
        """The examples of the moment."""
        examples = self.services.examples()
        return gallery_html(examples, self.services.manifest, self.templates), examples


def gallery_html(examples: Sequence[Example], manifest: Manifest, templates: Templates) -> Markup:
    """A list of buttons, and where the pictures come from; nothing without examples."""
    texts, words = templates.texts, templates.texts.inputs
    drawn = f"{words.drawn_origin} {words.real_ones}"
    return templates.render(
        "gallery",
        examples=[
            {
                "thumbnail": thumbnail(one.image),
                "diagnosis": _diagnosis(one, manifest.classes, texts),
                "context": context_words(one.patient, manifest.patient.fields, texts),
                "misclassified": one.misclassified,
            }
            for one in examples
        ],
        origins=list(dict.fromkeys(one.origin if one.real else drawn for one in examples)),
    )


@lru_cache(maxsize=64)
def thumbnail(image: Path | bytes) -> str:
    """A small picture, as an address."""
    photograph = read_image(image)
    photograph.thumbnail((2 * _SIDE, _SIDE))
    return jpeg_uri(photograph)


def _diagnosis(example: Example, names: Mapping[str, str], texts: Texts) -> str:
    name = names[example.diagnosis]
    return name if example.real else texts.inputs.drawn.format(diagnosis=in_sentence(name))
