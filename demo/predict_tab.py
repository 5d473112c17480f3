"""The tab Predict: a prediction, its doubts, and its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import gradio as gr

from demo.events import PRIVATE, QUIET
from demo.gallery import add_gallery
from demo.inputs import (
    choice_input,
    image_input,
    number_label,
    open_study,
    patient_inputs,
    shown_value,
)
from demo.limits import KEPT_SECONDS
from demo.networks import Networks
from demo.present import answer_html, in_sentence, most_probable, placeholder
from demo.refusal import refusing
from demo.report import Answer, report_links, said
from demo.services import Services, Thumbnail, fields_of, no_thumbnail
from demo.style import styled_html
from demo.why import image_reasons, patient_reasons, similar_cases, what_if
from model.diagnosis import DIAGNOSIS_NAMES
from model.inference.study import Study
from model.patient import Field, NumberField, Patient, PatientEncoder

_CASES = 6
_STRENGTH = 50  # per cent of the overlay, at first
# An answer to other fields than the visitor sees must not pass for an answer to these.
_MARK_OLD = """() => document.querySelectorAll('#result .answer').forEach(answer => {
  answer.classList.add('old');
  answer.querySelector('.changed').hidden = false;
})"""
# On a phone the answer is below the fields.
_INTO_VIEW = "() => document.querySelector('#result').scrollIntoView({block: 'nearest'})"


@dataclass(frozen=True)
class Shown:
    """What a session looks at."""

    study: Study
    patient: Patient


def add_predict_tab(demo: gr.Blocks, networks: Networks, texts: SimpleNamespace) -> None:
    """Lay the tab out and connect it; all networks share the fields."""
    views = [
        SimpleNamespace(shown=gr.State(None, time_to_live=KEPT_SECONDS)) for _ in networks.offered
    ]
    with gr.Row(elem_classes="wide"):
        with gr.Column(scale=4, min_width=300):
            image, fields = image_input(texts), fields_of(networks.offered)
            inputs = patient_inputs(fields, texts)
            for view, _ in zip(views, networks.each(), strict=True):
                view.image, view.inputs = image, inputs
                _buttons(view, texts)
        with gr.Column(scale=6, min_width=300):
            for view, services in zip(views, networks.each(), strict=True):
                view.result = styled_html(placeholder(texts), elem_id="result")
                view.chosen = add_gallery(demo, services, texts, image=image, inputs=inputs)
    for view, services in zip(views, networks.each(), strict=True):
        _reasons(view, services, texts)
    for number, (view, services) in enumerate(zip(views, networks.offered, strict=True)):
        answers = _Answers(services, fields, texts)
        _connect(view, answers)
        if networks.chooser:
            _connect_chooser(networks.chooser, number, view, answers)
    gr.on([part.input for part in (image, *inputs.values())], js=_MARK_OLD, **QUIET)
    # A Number that starts as None is shown and sent as 0; one that is set to None is empty.
    for part in inputs.values():
        if isinstance(part, gr.Number):
            demo.load(lambda: None, None, part, queue=False, **QUIET)


def _buttons(view: SimpleNamespace, texts: SimpleNamespace) -> None:
    with gr.Row():
        view.clear = gr.Button(texts.inputs.clear, min_width=100)
        view.button = gr.Button(
            texts.inputs.predict, variant="primary", scale=2, min_width=160, elem_id="predict"
        )


def _reasons(view: SimpleNamespace, services: Services, texts: SimpleNamespace) -> None:
    """What explains the answer; hidden until there is one."""
    why = texts.why
    choices = [(name, code) for code, name in services.manifest.classes.items()]
    with gr.Column(visible=False, elem_id="reasons") as view.reasons:
        view.code = gr.Radio(
            choices,
            value=choices[0][1],
            label=why.about,
            elem_id="explained",
            elem_classes="compact",
        )
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab(why.patient_tab):
                view.why_patient = styled_html(elem_id="why-patient")
            with gr.Tab(why.image_tab):
                view.strength = gr.Slider(0, 100, _STRENGTH, step=5, label=why.opacity)
                view.why_image = styled_html(elem_id="why-image")
            with gr.Tab(why.what_if_tab):
                view.supposed = _supposed_inputs(services.manifest.patient, texts)
                view.what_if = styled_html(elem_id="what-if")
            with gr.Tab(why.similar_tab):
                view.similar = styled_html(elem_id="similar")
            with gr.Tab(why.report_tab):
                view.report = styled_html(elem_id="report")


def _supposed_inputs(known: PatientEncoder, texts: SimpleNamespace) -> list:
    """One input per field that the network knows, to suppose another value."""
    supposed = suppose(Patient(), known)
    return [
        gr.Slider(
            field.variations[0],
            field.variations[-1],
            supposed[field.key],
            step=field.step,
            label=number_label(field, texts),
            elem_id=f"if-{field.key}",
        )
        if isinstance(field, NumberField)
        else choice_input(field, texts, elem_id=f"if-{field.key}")
        for field in known.fields
    ]


def suppose(patient: Patient, known: PatientEncoder) -> Patient:
    """Where "what if" begins: at the nearest of the values that it asks for.

    An unknown number begins at the mean, as it is encoded.
    """
    for field in known.fields:
        if isinstance(field, NumberField):
            here = patient.get(field.key, known.scaling[field.key]["mean"])
            nearest = min(field.variations, key=lambda value: abs(value - here))
            patient = patient.replace(field.key, nearest)
    return patient


class _Answers:
    """What the tab does when it is asked, or when a knob of the reasons is turned."""

    def __init__(self, services: Services, shared: Sequence[Field], texts: SimpleNamespace) -> None:
        """Take a network, and the fields that the page has for all its networks."""
        self.services, self.texts = services, texts
        self.names = services.manifest.classes
        self.known, self.fields = services.manifest.patient, services.manifest.patient.fields
        self.shared = shared

    def nothing(self) -> tuple:
        """In place of what a session looks at, the result, and the reasons."""
        return None, placeholder(self.texts), gr.Column(visible=False)

    def answer(self, image: str | None, *given: object) -> tuple:
        """``given`` are values of the shared fields, in their order, and the overlay's strength."""
        *values, strength = given
        keys = [field.key for field in self.shared]
        context = dict(zip(keys, values, strict=True))
        study, patient = open_study(self.services, image, context, self.texts)
        found, manifest = ask(study, patient), self.services.manifest
        top = most_probable(found.probabilities)
        shown, supposed = Shown(study, patient), suppose(patient, self.known)
        begun = [shown_value(supposed.get(field.key), field) for field in self.fields]
        return (
            shown,
            answer_html(said(found, manifest, self.texts), self.texts),
            gr.Column(visible=True),
            top,
            *begun,
            *self.explain(shown, top, strength, *begun),
            self.similar(shown),
            report_links(study, found, manifest, texts=self.texts),
        )

    def explain(
        self, shown: Shown | None, code: str, strength: float, *supposed: object
    ) -> tuple[str, str, str]:
        """``supposed`` are values of the network's fields, in their order."""
        if shown is None:
            return "", "", ""
        about = {"name": in_sentence(self.names[code]), "texts": self.texts}
        keys = [field.key for field in self.fields]
        with refusing(self.texts):
            other = Patient.parse(dict(zip(keys, supposed, strict=True)), self.fields)
        other = suppose(other, self.known)
        return (
            patient_reasons(shown.study, shown.patient, code, fields=self.fields, **about),
            image_reasons(shown.study, shown.patient, code, strength=strength / 100, **about),
            what_if(shown.study, other, code, fields=self.fields, **about),
        )

    def similar(self, shown: Shown | None, thumbnail: Thumbnail = no_thumbnail) -> str:
        cases = shown.study.similar(_CASES) if shown else []
        found = {case.isic_id: thumbnail(case.isic_id) for case in cases}
        known = {isic_id: content for isic_id, content in found.items() if content}
        # The index holds diagnoses, of which a class of the task may join several.
        names = DIAGNOSIS_NAMES | self.names
        return similar_cases(cases, names, fields=self.fields, thumbnails=known, texts=self.texts)

    def similar_with_thumbnails(self, shown: Shown | None) -> str:
        return self.similar(shown, self.services.thumbnail)


def _outputs(view: SimpleNamespace) -> list[gr.components.Component]:
    """What :meth:`_Answers.answer` fills."""
    return [
        *(view.shown, view.result, view.reasons, view.code, *view.supposed),
        *(view.why_patient, view.why_image, view.what_if, view.similar, view.report),
    ]


def _connect(view: SimpleNamespace, answers: _Answers) -> None:
    explanations = [view.why_patient, view.why_image, view.what_if]
    knobs = [view.code, view.strength, *view.supposed]
    for listen in (view.button.click, view.chosen):
        asked = listen(
            answers.answer,
            [view.image, *view.inputs.values(), view.strength],
            _outputs(view),
            show_progress_on=view.result,
            concurrency_id="answer",
            **PRIVATE,
        )
        asked.success(js=_INTO_VIEW, **QUIET)
        asked.success(answers.similar_with_thumbnails, view.shown, view.similar, **QUIET)
    turned = {"trigger_mode": "always_last", **QUIET}
    for knob in knobs:
        knob.input(answers.explain, [view.shown, *knobs], explanations, **turned)
    cleared = [view.image, *view.inputs.values(), view.shown, view.result, view.reasons]
    empty = [shown_value(None, field) for field in view.inputs]
    view.clear.click(
        lambda: (None, *empty, *answers.nothing()),
        None,
        cleared,
        queue=False,
        **QUIET,
    )


def _connect_chooser(
    chooser: gr.Radio, number: int, view: SimpleNamespace, answers: _Answers
) -> None:
    """When another network is chosen, ask it of the same photograph and patient.

    Earlier answers are emptied first: they may be to other fields.
    """
    outputs = _outputs(view)

    def ask_if_chosen(chosen: int, image: str | None, *given: object) -> Sequence:
        if chosen != number or not image:
            return [gr.skip()] * len(outputs)
        return answers.answer(image, *given)

    emptied = [view.shown, view.result, view.reasons]
    begun = chooser.input(answers.nothing, None, emptied, queue=False, **QUIET)
    asked = begun.then(
        ask_if_chosen,
        [chooser, view.image, *view.inputs.values(), view.strength],
        outputs,
        show_progress_on=view.result,
        concurrency_id="answer",
        **PRIVATE,
    )
    asked.success(answers.similar_with_thumbnails, view.shown, view.similar, **QUIET)


def ask(study: Study, patient: Patient) -> Answer:
    """All that the upper half of the tab shows."""
    return Answer(
        patient,
        study.probabilities(patient),
        study.probabilities(Patient()),
        study.prediction_set(patient),
        study.ood_score,
        study.quality,
    )
