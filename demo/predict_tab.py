"""The tab Predict: a prediction, its doubts, and its reasons."""

from dataclasses import dataclass
from types import SimpleNamespace

import gradio as gr

from demo.events import PRIVATE, QUIET
from demo.gallery import add_gallery
from demo.inputs import age_input, image_input, open_study, words_input
from demo.limits import KEPT_SECONDS
from demo.present import answer_html, most_probable, placeholder
from demo.report import Answer, report_links, said
from demo.services import Services, Thumbnail, no_thumbnail
from demo.style import styled_html
from demo.why import image_reasons, patient_reasons, similar_cases, what_if
from model.patient import UNKNOWN, Patient
from model.prediction.context import AGES
from model.prediction.study import Study

_CASES = 6
_STRENGTH = 50  # per cent of the overlay, at first
_MIDDLE = 50  # years, where "what if" begins for an unknown age
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


def add_predict_tab(demo: gr.Blocks, services: Services, texts: SimpleNamespace) -> None:
    """Lay the tab out and connect it."""
    view = SimpleNamespace(shown=gr.State(None, time_to_live=KEPT_SECONDS))
    with gr.Row(elem_classes="wide"):
        with gr.Column(scale=4, min_width=300):
            _inputs(view, services, texts)
        with gr.Column(scale=6, min_width=300):
            view.result = styled_html(placeholder(texts), elem_id="result")
            view.chosen = add_gallery(demo, services, texts, fields=view.fields)
    _reasons(view, services, texts)
    _connect(view, _Answers(services, texts), texts)
    # A Number that starts as None is shown and sent as 0; one that is set to None is empty.
    demo.load(lambda: None, None, view.age, queue=False, **QUIET)


def _inputs(view: SimpleNamespace, services: Services, texts: SimpleNamespace) -> None:
    view.image = image_input(texts)
    with gr.Row():
        view.age = age_input(texts)
        view.sex = words_input(
            texts.inputs.sex, services.manifest.patient.sexes, texts, scale=2, elem_id="sex"
        )
    view.site = words_input(
        texts.inputs.site, services.manifest.patient.sites, texts, elem_id="site"
    )
    view.fields = [view.image, view.age, view.sex, view.site]
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
                view.if_age = gr.Slider(
                    AGES[0], AGES[-1], _MIDDLE, step=5, label=why.what_if_age, elem_id="if-age"
                )
                view.if_site = words_input(
                    why.what_if_site, services.manifest.patient.sites, texts, elem_id="if-site"
                )
                view.what_if = styled_html(elem_id="what-if")
            with gr.Tab(why.similar_tab):
                view.similar = styled_html(elem_id="similar")
            with gr.Tab(why.report_tab):
                view.report = styled_html(elem_id="report")


class _Answers:
    """What the tab does when it is asked, or when a knob of the reasons is turned."""

    def __init__(self, services: Services, texts: SimpleNamespace) -> None:
        self.services, self.texts = services, texts
        self.names = services.manifest.classes

    def answer(self, image: str | None, age: object, sex: str, site: str, strength: float) -> tuple:
        study, patient = open_study(self.services, image, (age, sex, site), self.texts)
        found, manifest = ask(study, patient), self.services.manifest
        top = most_probable(found.probabilities)
        years = _within_ages(_MIDDLE if patient.age_approx is None else patient.age_approx)
        shown = Shown(study, patient)
        return (
            shown,
            answer_html(said(found, manifest, self.texts), self.texts),
            gr.Column(visible=True),
            top,
            5 * round(years / 5),
            site,
            *self.explain(shown, top, strength, years, site),
            self.similar(shown),
            report_links(study, found, manifest, texts=self.texts),
        )

    def explain(
        self, shown: Shown | None, code: str, strength: float, age: float, site: str
    ) -> tuple[str, str, str]:
        if shown is None:
            return "", "", ""
        about = {"name": self.names[code].lower(), "texts": self.texts}
        pair = (shown.study, shown.patient, code)
        supposed = {"age": float(age), "site": None if site == UNKNOWN else site}
        return (
            patient_reasons(*pair, **about),
            image_reasons(*pair, strength=strength / 100, **about),
            what_if(*pair, **supposed, **about),
        )

    def similar(self, shown: Shown | None, thumbnail: Thumbnail = no_thumbnail) -> str:
        cases = shown.study.similar(_CASES) if shown else []
        found = {case.isic_id: thumbnail(case.isic_id) for case in cases}
        known = {isic_id: content for isic_id, content in found.items() if content}
        return similar_cases(cases, self.names, thumbnails=known, texts=self.texts)

    def similar_with_thumbnails(self, shown: Shown | None) -> str:
        return self.similar(shown, self.services.thumbnail)


def _connect(view: SimpleNamespace, answers: _Answers, texts: SimpleNamespace) -> None:
    explanations = [view.why_patient, view.why_image, view.what_if]
    knobs = [view.code, view.strength, view.if_age, view.if_site]
    outputs = [
        *(view.shown, view.result, view.reasons, view.code, view.if_age, view.if_site),
        *(*explanations, view.similar, view.report),
    ]
    for listen in (view.button.click, view.chosen):
        asked = listen(
            answers.answer,
            [*view.fields, view.strength],
            outputs,
            show_progress_on=view.result,
            concurrency_id="answer",
            **PRIVATE,
        )
        asked.success(js=_INTO_VIEW, **QUIET)
        asked.success(answers.similar_with_thumbnails, view.shown, view.similar, **QUIET)
    turned = {"trigger_mode": "always_last", **QUIET}
    for knob in knobs:
        knob.input(answers.explain, [view.shown, *knobs], explanations, **turned)
    gr.on([field.input for field in view.fields], js=_MARK_OLD, **QUIET)
    emptied = [None, None, UNKNOWN, UNKNOWN, None, placeholder(texts), gr.Column(visible=False)]
    cleared = [*view.fields, view.shown, view.result, view.reasons]
    view.clear.click(lambda: emptied, None, cleared, queue=False, **QUIET)


def ask(study: Study, patient: Patient) -> Answer:
    """All that the upper half of the tab shows."""
    return Answer(
        patient,
        study.probabilities(patient),
        study.probabilities(Patient()),
        study.prediction_set(patient),
        study.unknown_score,
        study.quality,
    )


def _within_ages(years: float) -> float:
    return min(max(years, AGES[0]), AGES[-1])
