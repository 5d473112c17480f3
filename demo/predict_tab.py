"""The tab Predict: a prediction, its doubts, and its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import gradio as gr

from demo.events import PRIVATE, QUIET
from demo.gallery import add_gallery
from demo.inputs import age_input, image_input, open_study, words_input
from demo.limits import KEPT_SECONDS
from demo.networks import Networks
from demo.present import answer_html, in_sentence, most_probable, placeholder
from demo.report import Answer, report_links, said
from demo.services import Services, Thumbnail, no_thumbnail
from demo.style import styled_html
from demo.why import image_reasons, patient_reasons, similar_cases, what_if
from model.diagnosis import DIAGNOSIS_NAMES
from model.inference.study import Study
from model.inference.what_if import AGES
from model.patient import UNKNOWN, Patient, PatientEncoder

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


def add_predict_tab(demo: gr.Blocks, networks: Networks, texts: SimpleNamespace) -> None:
    """Lay the tab out and connect it; all networks share the fields."""
    views = [
        SimpleNamespace(shown=gr.State(None, time_to_live=KEPT_SECONDS)) for _ in networks.offered
    ]
    with gr.Row(elem_classes="wide"):
        with gr.Column(scale=4, min_width=300):
            fields = _fields(networks.offered[0].manifest.patient, texts)
            for view, _ in zip(views, networks.each(), strict=True):
                view.fields = fields
                _buttons(view, texts)
        with gr.Column(scale=6, min_width=300):
            for view, services in zip(views, networks.each(), strict=True):
                view.result = styled_html(placeholder(texts), elem_id="result")
                view.chosen = add_gallery(demo, services, texts, fields=fields)
    for view, services in zip(views, networks.each(), strict=True):
        _reasons(view, services, texts)
    for number, (view, services) in enumerate(zip(views, networks.offered, strict=True)):
        answers = _Answers(services, texts)
        _connect(view, answers)
        if networks.chooser:
            _connect_chooser(networks.chooser, number, view, answers)
    gr.on([field.input for field in fields], js=_MARK_OLD, **QUIET)
    # A Number that starts as None is shown and sent as 0; one that is set to None is empty.
    demo.load(lambda: None, None, fields[1], queue=False, **QUIET)


def _fields(known: PatientEncoder, texts: SimpleNamespace) -> list[gr.components.Component]:
    """Image, age, sex and site; ``known`` has the words of the last two."""
    image = image_input(texts)
    with gr.Row():
        age = age_input(texts)
        sex = words_input(texts.inputs.sex, known.sexes, texts, scale=2, elem_id="sex")
    site = words_input(texts.inputs.site, known.sites, texts, elem_id="site")
    return [image, age, sex, site]


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

    def nothing(self) -> tuple:
        """In place of what a session looks at, the result, and the reasons."""
        return None, placeholder(self.texts), gr.Column(visible=False)

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
        about = {"name": in_sentence(self.names[code]), "texts": self.texts}
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
        # The index holds diagnoses, of which a class of the task may join several.
        names = DIAGNOSIS_NAMES | self.names
        return similar_cases(cases, names, thumbnails=known, texts=self.texts)

    def similar_with_thumbnails(self, shown: Shown | None) -> str:
        return self.similar(shown, self.services.thumbnail)


def _outputs(view: SimpleNamespace) -> list[gr.components.Component]:
    """What :meth:`_Answers.answer` fills."""
    return [
        *(view.shown, view.result, view.reasons, view.code, view.if_age, view.if_site),
        *(view.why_patient, view.why_image, view.what_if, view.similar, view.report),
    ]


def _connect(view: SimpleNamespace, answers: _Answers) -> None:
    explanations = [view.why_patient, view.why_image, view.what_if]
    knobs = [view.code, view.strength, view.if_age, view.if_site]
    for listen in (view.button.click, view.chosen):
        asked = listen(
            answers.answer,
            [*view.fields, view.strength],
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
    cleared = [*view.fields, view.shown, view.result, view.reasons]
    view.clear.click(
        lambda: (None, None, UNKNOWN, UNKNOWN, *answers.nothing()),
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

    def ask_if_chosen(chosen: int, image: str | None, *others: object) -> Sequence:
        if chosen != number or not image:
            return [gr.skip()] * len(outputs)
        return answers.answer(image, *others)

    emptied = [view.shown, view.result, view.reasons]
    begun = chooser.input(answers.nothing, None, emptied, queue=False, **QUIET)
    asked = begun.then(
        ask_if_chosen,
        [chooser, *view.fields, view.strength],
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
        study.unknown_score,
        study.quality,
    )


def _within_ages(years: float) -> float:
    return min(max(years, AGES[0]), AGES[-1])
