"""Explanations below a prediction; a control recomputes only what depends on it."""

import gradio as gr
from gradio.events import Dependency
from markupsafe import Markup

from demo.explanations import (
    Shown,
    image_html,
    nearest_variation,
    patient_html,
    similar_html,
    what_if_html,
)
from demo.formatting import in_sentence, most_probable
from demo.inputs import LATEST, QUIET, compact_radio, shown_value, styled_html, supposed_inputs
from demo.photograph import user_errors
from demo.prediction import worth_of_context
from demo.report import Remarks, report_links
from demo.services import Services, Thumbnail, no_thumbnail
from demo.templates import Templates
from demo.texts.sections import ReportTexts
from model.diagnosis import DIAGNOSIS_NAMES
from model.patient import Patient

_CASES = 6
_STRENGTH = 60  # per cent of the overlay, at first


class Explanations:
    """The explanations of one network; hidden until there is a prediction."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Add their components."""
        self.services, self.templates = services, templates
        self.names, why = services.manifest.classes, templates.texts.why
        self.fields = services.manifest.patient.fields
        choices = services.choices()
        with gr.Column(visible=False, elem_id="reasons") as self.panel:
            self.code = compact_radio(
                choices, value=choices[0][1], label=why.about, elem_id="explained"
            )
            with gr.Tabs(overflow_behavior="wrap"):
                with gr.Tab(why.patient_tab):
                    self.patient = styled_html(elem_id="why-patient")
                with gr.Tab(why.image_tab):
                    self.strength = gr.Slider(0, 100, _STRENGTH, step=5, label=why.opacity)
                    self.image = styled_html(elem_id="why-image")
                with gr.Tab(why.what_if_tab):
                    self.supposed = supposed_inputs(self.fields, templates.texts)
                    self.what_if = styled_html(elem_id="what-if")
                with gr.Tab(why.similar_tab):
                    self.similar = styled_html(elem_id="similar")
                with gr.Tab(why.report_tab):
                    with gr.Row():
                        self.remarks = _remarks(templates.texts.report)
                    self.report = styled_html(elem_id="report")
        knobs = [self.code, *self.supposed.values(), *self.remarks]
        self.knobs = [self.code, self.strength, *self.supposed.values(), *self.remarks]
        self.outputs = [self.patient, self.image, self.what_if, self.similar, self.report]
        self.filled = [self.panel, *knobs, *self.outputs]

    def connect(self, shown: gr.State) -> None:
        """Let each knob change what depends on it."""
        image = [shown, self.code, self.strength]
        what_if = [shown, self.code, *self.supposed.values()]
        self.code.input(self.why_patient, [shown, self.code], self.patient, **LATEST)
        self.code.input(self.why_image, image, self.image, **LATEST)
        self.code.input(self.suppose, what_if, self.what_if, **LATEST)
        self.strength.input(self.why_image, image, self.image, **LATEST)
        for knob in self.supposed.values():
            knob.input(self.suppose, what_if, self.what_if, **LATEST)
        for remark in self.remarks:
            remark.change(self.report_on, [shown, *self.remarks], self.report, **LATEST)

    def add_thumbnails(self, asked: Dependency, shown: gr.State) -> None:
        """Show pictures of similar cases once they have come from the Archive."""

        def with_thumbnails(shown: Shown | None) -> Markup:
            return self.similar_cases(shown, self.services.thumbnail)

        asked.success(with_thumbnails, shown, self.similar, **QUIET)

    def explain(self, shown: Shown, strength: float) -> dict:
        """Everything, for the most probable class and for the patient as stated."""
        code = most_probable(shown.probabilities)
        supposed = nearest_variation(shown.patient, self.services.manifest.patient)
        begun = {
            part: shown_value(supposed.get(field.key), field)
            for field, part in self.supposed.items()
        }
        return {
            self.panel: gr.Column(visible=True),
            self.code: code,
            **begun,
            **dict.fromkeys(self.remarks, ""),  # those of the case before
            **self.explain_again(shown, code, strength, *begun.values(), "", ""),
        }

    def explain_again(self, shown: Shown, code: str, strength: float, *values: object) -> dict:
        """Everything with the knobs as they stand: ``values`` are supposed ones, label and note."""
        *supposed, label, note = values
        return {
            self.patient: self.why_patient(shown, code),
            self.image: self.why_image(shown, code, strength),
            self.what_if: self.suppose(shown, code, *supposed),
            self.similar: self.similar_cases(shown),
            self.report: self.report_on(shown, label, note),
        }

    def report_on(self, shown: Shown | None, label: str = "", note: str = "") -> str:
        """Links that save the report with the visitor's remarks."""
        if shown is None:
            return ""
        remarks = Remarks(label or "", note or "")
        return report_links(shown, self.services.manifest, remarks, templates=self.templates)

    def why_patient(self, shown: Shown | None, code: str) -> str:
        """What each field of the patient changed."""
        if shown is None:
            return ""
        name = in_sentence(self.names[code])
        worth = worth_of_context(self.services.manifest, self.templates.texts)
        about = {"fields": self.fields, "name": name, "worth": worth}
        return patient_html(shown, code, **about, templates=self.templates)

    def why_image(self, shown: Shown | None, code: str, strength: float) -> str:
        """Where in the photograph the class was found."""
        if shown is None:
            return ""
        name = in_sentence(self.names[code])
        return image_html(shown, code, name=name, strength=strength / 100, templates=self.templates)

    def suppose(self, shown: Shown | None, code: str, *values: object) -> str:
        """What the prediction would be for another patient, by values of the network's fields."""
        if shown is None:
            return ""
        keys = [field.key for field in self.fields]
        with user_errors(self.templates.texts):
            patient = Patient.parse(dict(zip(keys, values, strict=True)), self.fields)
        supposed = nearest_variation(patient, self.services.manifest.patient)
        name = in_sentence(self.names[code])
        return what_if_html(
            shown.study, supposed, code, fields=self.fields, name=name, templates=self.templates
        )

    def similar_cases(self, shown: Shown | None, thumbnail: Thumbnail = no_thumbnail) -> Markup:
        """The nearest training images; pictures where the Archive gave any."""
        cases = shown.study.similar(_CASES) if shown else []
        found = {case.isic_id: thumbnail(case.isic_id) for case in cases}
        known = {isic_id: content for isic_id, content in found.items() if content}
        # The index holds diagnoses, of which a class of the task may join several.
        word = self.templates.texts.word
        names = {code: word(name) for code, name in DIAGNOSIS_NAMES.items()} | self.names
        return similar_html(
            cases, names, fields=self.fields, thumbnails=known, templates=self.templates
        )


def _remarks(words: ReportTexts) -> tuple[gr.Textbox, gr.Textbox]:
    """Fields for a label and a note, short enough for a report of one page."""
    rule = words.label_rule
    return (
        gr.Textbox(label=words.label, info=rule, max_length=80, elem_id="label", min_width=240),
        gr.Textbox(label=words.note, max_length=300, lines=2, elem_id="note", min_width=240),
    )
