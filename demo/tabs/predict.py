"""Predict: a photograph and its patient, the prediction and its explanations."""

from dataclasses import dataclass

import gradio as gr
from markupsafe import Markup

from demo.components import PRIVATE, QUIET, compact_radio, styled_html
from demo.gallery import Gallery
from demo.gradio_patches import empty_on_load, keep_number
from demo.limits import KEPT_SECONDS
from demo.networks import Networks
from demo.photograph import image_input, open_study
from demo.prediction import Prediction, prediction_html
from demo.services import Services
from demo.tabs.reasons import Reasons, Shown
from demo.templates import Templates
from demo.texts import Texts
from model.patient import AGE_RANGE, UNKNOWN, PatientEncoder

# A prediction for other fields than the visitor sees must not pass for one for these.
_MARK_OLD = """() => document.querySelectorAll('#result .answer').forEach(answer => {
  answer.classList.add('old');
  answer.querySelector('.changed').hidden = false;
})"""
# On a phone the result is below the fields.
_INTO_VIEW = "() => document.querySelector('#result').scrollIntoView({block: 'nearest'})"


@dataclass(frozen=True)
class Form:
    """The fields of photograph and patient, which all networks share."""

    image: gr.Image
    age: gr.Number
    sex: gr.Radio
    site: gr.Radio

    @property
    def fields(self) -> list[gr.components.Component]:
        """All of them, in the order of handlers' parameters."""
        return [self.image, self.age, self.sex, self.site]


@dataclass(frozen=True)
class Buttons:
    """Below the form."""

    clear: gr.Button
    predict: gr.Button


@dataclass(frozen=True)
class Result:
    """Beside the form: the prediction, and examples to fill the form with."""

    shown: gr.State
    prediction: gr.HTML
    gallery: Gallery


def add_predict(demo: gr.Blocks, networks: Networks, templates: Templates) -> None:
    """Lay the tab out and connect it."""
    with gr.Row(elem_classes="wide"):
        with gr.Column(scale=4, min_width=300):
            form = _form(networks.offered[0].manifest.patient, templates.texts)
            buttons = [_buttons(templates.texts) for _ in networks.each()]
        with gr.Column(scale=6, min_width=300):
            results = [_result(services, templates) for services in networks.each()]
    reasons = [Reasons(services, templates) for services in networks.each()]
    parts = zip(networks.offered, buttons, results, reasons, strict=True)
    for number, (services, *laid_out) in enumerate(parts):
        predictions = Predictions(services, templates, form, *laid_out)
        predictions.connect(demo)
        if networks.chooser:
            predictions.connect_chooser(networks.chooser, number)
    gr.on([field.input for field in form.fields], js=_MARK_OLD, **QUIET)
    empty_on_load(demo, form.age, **QUIET)


def _form(known: PatientEncoder, texts: Texts) -> Form:
    """``known`` has the words of sex and site."""
    image = image_input(texts)
    with gr.Row():
        age = _age_input(texts)
        sex = words_input(texts.inputs.sex, known.sexes, texts, scale=2, elem_id="sex")
    site = words_input(texts.inputs.site, known.sites, texts, elem_id="site")
    return Form(image, age, sex, site)


def _buttons(texts: Texts) -> Buttons:
    with gr.Row():
        clear = gr.Button(texts.inputs.clear, min_width=100)
        predict = gr.Button(
            texts.inputs.predict, variant="primary", scale=2, min_width=160, elem_id="predict"
        )
    return Buttons(clear, predict)


def _result(services: Services, templates: Templates) -> Result:
    return Result(
        gr.State(None, time_to_live=KEPT_SECONDS),
        styled_html(_placeholder(templates), elem_id="result"),
        Gallery(services, templates),
    )


class Predictions:
    """What the tab does for one network when it is asked."""

    def __init__(
        self,
        services: Services,
        templates: Templates,
        form: Form,
        buttons: Buttons,
        result: Result,
        reasons: Reasons,
    ) -> None:
        """Take what is laid out."""
        self.services, self.templates = services, templates
        self.form, self.buttons, self.result, self.reasons = form, buttons, result, reasons
        self.filled = [result.shown, result.prediction, *reasons.filled]

    def connect(self, demo: gr.Blocks) -> None:
        """Predict at the press of a button or for an example; keep the explanations in step."""
        chosen = self.result.gallery.connect(demo, self.form.image, self.form.fields[1:])
        for listen in (self.buttons.predict.click, chosen.success):
            asked = listen(
                self.show_prediction,
                [*self.form.fields, self.reasons.strength],
                self.filled,
                show_progress_on=self.result.prediction,
                concurrency_id="predict",
                **PRIVATE,
            )
            asked.success(js=_INTO_VIEW, **QUIET)
            self.reasons.add_thumbnails(asked, self.result.shown)
        self.reasons.connect(self.result.shown)
        emptied = [*self.form.fields, self.result.shown, self.result.prediction, self.reasons.panel]
        self.buttons.clear.click(self.clear, None, emptied, queue=False, **QUIET)

    def connect_chooser(self, chooser: gr.Radio, number: int) -> None:
        """When this network is chosen, ask it of the same photograph and patient.

        Earlier predictions are emptied first: they may be for other fields.
        """

        def predict_if_chosen(chosen: int, image: str | None, *others: object) -> dict | list:
            if chosen != number or not image:
                return [gr.skip()] * len(self.filled)
            return self.show_prediction(image, *others)

        emptied = [self.result.shown, self.result.prediction, self.reasons.panel]
        begun = chooser.input(self.nothing, None, emptied, queue=False, **QUIET)
        asked = begun.then(
            predict_if_chosen,
            [chooser, *self.form.fields, self.reasons.strength],
            self.filled,
            show_progress_on=self.result.prediction,
            concurrency_id="predict",
            **PRIVATE,
        )
        self.reasons.add_thumbnails(asked, self.result.shown)

    def show_prediction(
        self, image: str | None, age: object, sex: str, site: str, strength: float
    ) -> dict:
        """Open the photograph and show all that the network says of it."""
        study, patient = open_study(self.services, image, (age, sex, site), self.templates.texts)
        prediction = Prediction.of(study, patient)
        content = prediction_html(prediction, self.services.manifest, self.templates)
        shown = Shown(study, patient)
        return {
            self.result.shown: shown,
            self.result.prediction: self.templates.render("result", content=content),
            **self.reasons.explain(shown, prediction, strength),
        }

    def nothing(self) -> dict:
        """Forget what a session looks at."""
        return {
            self.result.shown: None,
            self.result.prediction: _placeholder(self.templates),
            self.reasons.panel: gr.Column(visible=False),
        }

    def clear(self) -> dict:
        """Empty the form, too."""
        form = self.form
        emptied = {form.image: None, form.age: None, form.sex: UNKNOWN, form.site: UNKNOWN}
        return emptied | self.nothing()


def _placeholder(templates: Templates) -> Markup:
    """What stands in place of the first prediction."""
    return templates.render("paragraph", text=templates.texts.result.empty, kind="empty")


def _age_input(texts: Texts) -> gr.Number:
    """Years; empty is unknown."""
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
    keep_number(age)
    return age


def words_input(
    label: str, words: tuple[str, ...], texts: Texts, *, elem_id: str, scale: int = 1
) -> gr.Radio:
    """One of a field's words, or unknown."""
    choices = [*((word, word) for word in words), (texts.inputs.unknown, UNKNOWN)]
    return compact_radio(
        choices, value=UNKNOWN, label=label, min_width=160, scale=scale, elem_id=elem_id
    )
