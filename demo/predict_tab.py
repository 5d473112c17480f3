"""The tab Predict: a prediction, its doubts, and its reasons."""

from dataclasses import dataclass
from types import SimpleNamespace

import gradio as gr

from demo.gallery import add_gallery
from demo.inputs import age_input, image_input, open_study, words_input
from demo.present import answer_html, placeholder
from demo.report import Answer, report_links, said
from demo.services import Services
from demo.why import archive_id, image_reasons, patient_reasons, similar_cases, what_if
from model.patient import UNKNOWN, Patient
from model.prediction.study import Study

KEPT_SECONDS = 3000
"""After which a session's photograph is forgotten: within the hour, as the page says."""

_CASES = 6
_STRENGTH = 50  # per cent of the overlay, at first
# An answer to other fields than the visitor sees must not pass for an answer to these.
_MARK_OLD = """() => document.querySelectorAll('#result .answer').forEach(answer => {
  answer.classList.add('old');
  answer.querySelector('.changed').hidden = false;
})"""
# On a phone the answer is below the fields.
_INTO_VIEW = "() => document.querySelector('#result').scrollIntoView({block: 'nearest'})"
_PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}


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
            view.result = gr.HTML(placeholder(texts), elem_id="result", apply_default_css=False)
            view.chosen = add_gallery(demo, services, texts, fields=view.fields)
    _reasons(view, services, texts)
    _connect(view, services, texts)
    # A Number that starts as None is shown and sent as 0; one that is set to None is empty.
    demo.load(lambda: None, None, view.age, queue=False, **_PRIVATE)


def _inputs(view: SimpleNamespace, services: Services, texts: SimpleNamespace) -> None:
    view.image = image_input(texts)
    with gr.Row():
        view.age = age_input(texts)
        view.sex = words_input(texts.inputs.sex, services.sexes, texts, scale=2, elem_id="sex")
    view.site = words_input(texts.inputs.site, services.sites, texts, elem_id="site")
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
                view.why_patient = gr.HTML(apply_default_css=False, elem_id="why-patient")
            with gr.Tab(why.image_tab):
                view.strength = gr.Slider(0, 100, _STRENGTH, step=5, label=why.opacity)
                view.why_image = gr.HTML(apply_default_css=False, elem_id="why-image")
            with gr.Tab(why.what_if_tab):
                view.if_age = gr.Slider(5, 85, 50, step=5, label=why.what_if_age, elem_id="if-age")
                view.if_site = words_input(
                    why.what_if_site, services.sites, texts, elem_id="if-site"
                )
                view.what_if = gr.HTML(apply_default_css=False, elem_id="what-if")
            with gr.Tab(why.similar_tab):
                view.similar = gr.HTML(apply_default_css=False, elem_id="similar")
            with gr.Tab(why.report_tab):
                view.report = gr.HTML(apply_default_css=False, elem_id="report")


def _connect(view: SimpleNamespace, services: Services, texts: SimpleNamespace) -> None:
    names = services.manifest.classes
    explanations = [view.why_patient, view.why_image, view.what_if]
    knobs = [view.shown, view.code, view.strength, view.if_age, view.if_site]

    def answer(image: str | None, age: object, sex: str, site: str, strength: float) -> tuple:
        study, patient = open_study(services, image, (age, sex, site), texts)
        found = ask(study, patient)
        top = max(found.probabilities, key=found.probabilities.get)
        years = min(max(patient.age_approx or 50, 5), 85)
        shown = Shown(study, patient)
        return (
            shown,
            answer_html(said(found, services.manifest, texts), texts),
            gr.Column(visible=True),
            top,
            5 * round(years / 5),
            site,
            *explain(shown, top, strength, years, site),
            similar_cases(study.similar(_CASES), names, thumbnails={}, texts=texts),
            report_links(study, found, services.manifest, texts=texts),
        )

    def explain(
        shown: Shown | None, code: str, strength: float, age: float, site: str
    ) -> tuple[str, str, str]:
        if shown is None:
            return "", "", ""
        about = {"name": names[code].lower(), "texts": texts}
        pair = (shown.study, shown.patient, code)
        supposed = {"age": float(age), "site": None if site == UNKNOWN else site}
        return (
            patient_reasons(*pair, **about),
            image_reasons(*pair, strength=strength / 100, **about),
            what_if(*pair, **supposed, **about),
        )

    def add_thumbnails(shown: Shown | None) -> str:
        cases = shown.study.similar(_CASES) if shown else []
        found = {case.isic_id: services.thumbnail(archive_id(case)) for case in cases}
        known = {isic_id: content for isic_id, content in found.items() if content}
        return similar_cases(cases, names, thumbnails=known, texts=texts)

    outputs = [
        view.shown,
        view.result,
        view.reasons,
        view.code,
        view.if_age,
        view.if_site,
        *explanations,
        view.similar,
        view.report,
    ]
    for listen in (view.button.click, view.chosen):
        asked = listen(
            answer,
            [*view.fields, view.strength],
            outputs,
            api_visibility="private",
            show_progress_on=view.result,
            concurrency_id="answer",
        )
        asked.success(js=_INTO_VIEW, **_PRIVATE)
        asked.success(add_thumbnails, view.shown, view.similar, **_PRIVATE)
    for knob in (view.code, view.strength, view.if_age, view.if_site):
        knob.input(explain, knobs, explanations, trigger_mode="always_last", **_PRIVATE)
    gr.on([field.input for field in view.fields], js=_MARK_OLD, **_PRIVATE)
    emptied = [None, None, UNKNOWN, UNKNOWN, None, placeholder(texts), gr.Column(visible=False)]
    cleared = [*view.fields, view.shown, view.result, view.reasons]
    view.clear.click(lambda: emptied, None, cleared, queue=False, **_PRIVATE)


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
