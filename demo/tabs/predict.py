"""Predict: a photograph and its patient, the prediction and its explanations."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from demo.access import KEPT_SECONDS
from demo.examples import Gallery
from demo.explanations import Shown
from demo.gradio_patches import empty_on_load, event_value, user_error
from demo.inputs import PRIVATE, QUIET, Inputs, patient_inputs, shown_value, styled_html
from demo.lesions import lesions_html
from demo.photograph import DicomUpload, image_input, open_study, small, user_errors
from demo.prediction import prediction_html, short_answer
from demo.scripts import script
from demo.services import Networks, Services, fields_of
from demo.tabs.cases import Enlarge, Keep
from demo.tabs.explain import Explanations
from demo.templates import Templates
from demo.texts import Texts
from model.errors import BoxError
from model.frame import Box, parse_box
from model.inference.study import Study

# A prediction for other fields than the visitor sees must not pass for one for these.
MARK_OLD = """() => document.querySelectorAll('#result .answer').forEach(answer => {
  answer.classList.add('old');
  answer.querySelector('.changed').hidden = false;
})"""
# On a phone the result is below the fields.
_INTO_VIEW = "() => document.querySelector('#result').scrollIntoView({block: 'nearest'})"


@dataclass(frozen=True)
class ChosenBox:
    """The box of the lesion to frame in one photograph, instead of the one that is found."""

    upload: str
    box: Box


@dataclass(frozen=True)
class Form:
    """The fields of photograph and patient, which all networks share, and the chosen box."""

    image: gr.Image
    patient: Inputs
    chosen: gr.State

    @property
    def inputs(self) -> list[gr.components.Component]:
        """All of them, in the order of handlers' parameters."""
        return [self.image, *self.patient.values()]


@dataclass(frozen=True)
class Buttons:
    """Below the form."""

    clear: gr.Button
    predict: gr.Button


@dataclass(frozen=True)
class Result:
    """Around the form: the prediction, and examples to fill the form with."""

    shown: gr.State
    prediction: gr.HTML
    keep: Keep
    gallery: Gallery


def add_predict(
    demo: gr.Blocks, networks: Networks, templates: Templates
) -> tuple[Form, list[Result]]:
    """Build the tab and connect its events; gives its form and each network's result."""
    with gr.Row(elem_classes="wide", elem_id="predicting"):
        with gr.Column(elem_classes="examples-area"):
            galleries = [Gallery(services, templates) for services in networks.each()]
        with gr.Column(elem_classes="form-area"):
            image = image_input(templates.texts)
            dicom = DicomUpload(templates.texts)
            patient = patient_inputs(fields_of(networks.offered), templates.texts)
            form = Form(image, patient, gr.State(None, time_to_live=KEPT_SECONDS))
            enlarge = [Enlarge.lay_out(templates.texts) for _ in networks.each()]
            buttons = [_buttons(templates.texts) for _ in networks.each()]
        with gr.Column(elem_classes="result-area"):
            shown = zip(networks.each(), galleries, enlarge, strict=True)
            results = [_result(templates, gallery, large) for _, gallery, large in shown]
    reasons = [Explanations(services, templates) for services in networks.each()]
    parts = zip(networks.offered, buttons, results, reasons, strict=True)
    for number, (services, *laid_out) in enumerate(parts):
        predictions = Predictions(services, templates, form, *laid_out)
        predictions.connect(demo)
        if networks.chooser:
            predictions.connect_chooser(networks.chooser, number)
    gr.on([part.input for part in form.inputs], js=MARK_OLD, **QUIET)
    dicom.connect(image, form.patient, **PRIVATE).success(js=MARK_OLD, **QUIET)
    for part in form.inputs:
        if isinstance(part, gr.Number):
            empty_on_load(demo, part, **QUIET)
    return form, results


def _buttons(texts: Texts) -> Buttons:
    with gr.Row():
        clear = gr.Button(texts.inputs.clear, min_width=100, elem_id="clear")
        predict = gr.Button(
            texts.inputs.predict, variant="primary", scale=2, min_width=160, elem_id="predict"
        )
    return Buttons(clear, predict)


def _result(templates: Templates, gallery: Gallery, enlarge: Enlarge) -> Result:
    empty = _placeholder(templates)
    prediction = styled_html(empty, elem_id="result", js_on_load=script("lesions"))
    return Result(
        gr.State(None, time_to_live=KEPT_SECONDS),
        prediction,
        Keep.lay_out(templates.texts, prediction, enlarge),
        gallery,
    )


class Predictions:
    """The events of the tab for one network."""

    def __init__(
        self,
        services: Services,
        templates: Templates,
        form: Form,
        buttons: Buttons,
        result: Result,
        reasons: Explanations,
    ) -> None:
        """Take what is laid out."""
        self.services, self.templates = services, templates
        self.form, self.buttons, self.result, self.reasons = form, buttons, result, reasons
        self.filled = [result.shown, result.prediction, *reasons.filled, form.chosen]

    def connect(self, demo: gr.Blocks) -> None:
        """Predict when the button is pressed or an example chosen, then explain."""
        chosen = self.result.gallery.connect(demo, self.form.image, self.form.patient)
        for listen in (self.buttons.predict.click, chosen.success):
            asked = listen(
                self.show_prediction,
                [
                    self.result.shown,
                    self.form.chosen,
                    *self.form.inputs,
                    self.reasons.strength,
                ],
                self.filled,
                **self._event_options,
            )
            asked.success(js=_INTO_VIEW, **QUIET)
            self.reasons.add_thumbnails(asked, self.result.shown)
        self._connect_lesions()
        self.reasons.connect(self.result.shown)
        emptied = [*self.form.inputs, self.form.chosen, *self._emptied]
        self.buttons.clear.click(self.clear, None, emptied, queue=False, **QUIET)

    def connect_chooser(self, chooser: gr.Radio, number: int) -> None:
        """When this network is chosen, predict for the same photograph, box and patient.

        Earlier predictions are emptied first: they may be for other fields.
        """

        def predict_if_chosen(
            network: int, chosen: ChosenBox | None, image: str | None, *given: object
        ) -> dict | list:
            if network != number or not image:
                return [gr.skip()] * len(self.filled)
            return self.show_prediction(None, chosen, image, *given)

        begun = chooser.input(self.nothing, None, self._emptied, queue=False, **QUIET)
        asked = begun.then(
            predict_if_chosen,
            [chooser, self.form.chosen, *self.form.inputs, self.reasons.strength],
            self.filled,
            **self._event_options,
        )
        self.reasons.add_thumbnails(asked, self.result.shown)

    def show_prediction(
        self,
        before: Shown | None,
        chosen: ChosenBox | None,
        image: str | None,
        *given: object,
    ) -> dict:
        """Open the photograph and show all that the network says of it.

        A box that was chosen in it stays the one that is looked at. ``given`` are values of the
        patient's inputs, in their order, and the overlay's strength.
        """
        *values, strength = given
        keys = [field.key for field in self.form.patient]
        context = dict(zip(keys, values, strict=True))
        box = chosen.box if chosen and chosen.upload == image else None
        if box and not self.services.manifest.image.frame_scales:
            gr.Info(self.templates.texts.lesions.no_box, duration=20)
            box = None
        study, patient = open_study(self.services, image, context, self.templates.texts, box=box)
        shown = Shown(study, patient, Path(image), self._found(before, image) if box else None)
        return self._answer(shown) | self.reasons.explain(shown, strength)

    def _found(self, before: Shown | None, image: str) -> Study:
        """The study of the lesion that is found in a photograph; from ``before`` if it has one."""
        if before and str(before.upload) == image:
            return before.as_found
        with user_errors(self.templates.texts):
            return self.services.study(Path(image))

    def frame_lesion(self, shown: Shown | None, event: gr.EventData, *knobs: object) -> dict:
        """Look at another lesion of the same photograph, or again at the one that was found.

        The page's script sends its ``box``, or none. ``knobs`` are those of the explanations.
        """
        if shown is None:
            raise user_error(self.templates.texts.errors.no_image)
        box, found = event_value(event, "box"), shown.as_found
        if box is None or box == list(found.framed.box or ()):
            again = Shown(found, shown.patient, shown.upload)
        else:
            with user_errors(self.templates.texts):
                study = self._study_of_box(shown.upload, box)
            again = Shown(study, shown.patient, shown.upload, found)
        return self._answer(again) | self.reasons.explain_again(again, *knobs)

    def _study_of_box(self, upload: Path, sent: object) -> Study:
        try:
            return self.services.study(upload, box=parse_box(str(sent)))
        except BoxError as error:
            raise user_error(self.templates.texts.errors.bad_box) from error

    def _answer(self, shown: Shown) -> dict:
        chosen = shown.chosen and ChosenBox(str(shown.upload), shown.chosen)
        prediction, manifest = shown.prediction, self.services.manifest
        html = self.templates.render(
            "result",
            content=prediction_html(prediction, manifest, self.templates),
            lesions=lesions_html(shown.study, shown.as_found, self.templates),
            thumbnail=small(shown.study.photograph),
            short=short_answer(prediction, manifest, self.templates.texts),
        )
        return {
            self.form.chosen: chosen,
            self.result.shown: shown,
            self.result.prediction: html,
        }

    @property
    def _emptied(self) -> list[gr.blocks.Block]:
        """What :meth:`nothing` empties."""
        return [self.result.shown, self.result.prediction, self.reasons.panel]

    @property
    def _event_options(self) -> dict:
        """Options of the events that run the network."""
        return {
            "show_progress_on": self.result.prediction,
            "concurrency_id": "predict",
            **PRIVATE,
        }

    def _connect_lesions(self) -> None:
        asked = self.result.prediction.select(
            self.frame_lesion,
            [self.result.shown, *self.reasons.knobs],
            [
                self.form.chosen,
                self.result.shown,
                self.result.prediction,
                *self.reasons.outputs,
            ],
            **self._event_options,
        )
        self.reasons.add_thumbnails(asked, self.result.shown)

    def nothing(self) -> dict:
        """Clear the prediction on screen."""
        return {
            self.result.shown: None,
            self.result.prediction: _placeholder(self.templates),
            self.reasons.panel: gr.Column(visible=False),
        }

    def clear(self) -> dict:
        """Empty the form, too."""
        emptied = {part: shown_value(None, field) for field, part in self.form.patient.items()}
        return {self.form.image: None, self.form.chosen: None} | emptied | self.nothing()


def _placeholder(templates: Templates) -> Markup:
    """What stands in place of the first prediction."""
    return templates.render("paragraph", text=templates.texts.result.empty, kind="empty")
