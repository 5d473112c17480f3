"""Explanations of a prediction: the patient's share, the map, what-if, similar cases, report.

A knob asks only for what it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import gradio as gr
import numpy as np
from gradio.events import Dependency
from markupsafe import Markup

from demo.charts import Points
from demo.components import LATEST, QUIET, compact_radio, styled_html
from demo.formatting import in_sentence, most_probable, percent
from demo.prediction import Prediction, context_words
from demo.report import report_links
from demo.services import Services, Thumbnail, no_thumbnail
from demo.templates import Templates
from demo.texts import Texts
from model.diagnosis import DIAGNOSIS_NAMES
from model.inference.overlay import overlay
from model.inference.similar import SimilarCase
from model.inference.study import Study
from model.inference.what_if import AGES
from model.patient import UNKNOWN, Patient

SHOWN = 420
"""Pixels; the longest side of photograph and overlay on the page."""

_ARCHIVE_PAGE = "https://api.isic-archive.com/images/{isic_id}/"
_CASES = 6
_STRENGTH = 50  # per cent of the overlay, at first
_MIDDLE = 50  # years, where "what if" begins for an unknown age


@dataclass(frozen=True)
class Shown:
    """What a session looks at."""

    study: Study
    patient: Patient
    _maps: dict[str, np.ndarray] = field(default_factory=dict, compare=False)

    def activation(self, code: str) -> np.ndarray:
        """A class's map, asked of the network once."""
        if code not in self._maps:
            self._maps[code] = self.study.activation(self.patient, code)
        return self._maps[code]


class Reasons:
    """The explanations of one network; hidden until there is a prediction."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Lay them out."""
        self.services, self.templates = services, templates
        self.names, why = services.manifest.classes, templates.texts.why
        choices = [(name, code) for code, name in self.names.items()]
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
                    self.if_age = gr.Slider(
                        AGES[0], AGES[-1], _MIDDLE, step=5, label=why.what_if_age, elem_id="if-age"
                    )
                    self.if_site = _site_input(services, templates.texts)
                    self.what_if = styled_html(elem_id="what-if")
                with gr.Tab(why.similar_tab):
                    self.similar = styled_html(elem_id="similar")
                with gr.Tab(why.report_tab):
                    self.report = styled_html(elem_id="report")
        knobs = [self.code, self.if_age, self.if_site]
        outputs = [self.patient, self.image, self.what_if, self.similar, self.report]
        self.filled = [self.panel, *knobs, *outputs]

    def connect(self, shown: gr.State) -> None:
        """Let each knob change what depends on it."""
        image = [shown, self.code, self.strength]
        what_if = [shown, self.code, self.if_age, self.if_site]
        self.code.input(self.why_patient, [shown, self.code], self.patient, **LATEST)
        self.code.input(self.why_image, image, self.image, **LATEST)
        self.code.input(self.suppose, what_if, self.what_if, **LATEST)
        self.strength.input(self.why_image, image, self.image, **LATEST)
        for knob in (self.if_age, self.if_site):
            knob.input(self.suppose, what_if, self.what_if, **LATEST)

    def add_thumbnails(self, asked: Dependency, shown: gr.State) -> None:
        """Show pictures of similar cases once they have come from the Archive."""

        def with_thumbnails(shown: Shown | None) -> Markup:
            return self.similar_cases(shown, self.services.thumbnail)

        asked.success(with_thumbnails, shown, self.similar, **QUIET)

    def explain(self, shown: Shown, prediction: Prediction, strength: float) -> dict:
        """Everything, for the most probable class and for the patient as stated."""
        code, patient = most_probable(prediction.probabilities), shown.patient
        age = _within_ages(_MIDDLE if patient.age_approx is None else patient.age_approx)
        site = patient.anatom_site_general or UNKNOWN
        return {
            self.panel: gr.Column(visible=True),
            self.code: code,
            self.if_age: 5 * round(age / 5),
            self.if_site: site,
            self.patient: self.why_patient(shown, code),
            self.image: self.why_image(shown, code, strength),
            self.what_if: self.suppose(shown, code, age, site),
            self.similar: self.similar_cases(shown),
            self.report: report_links(
                shown.study, prediction, self.services.manifest, templates=self.templates
            ),
        }

    def why_patient(self, shown: Shown | None, code: str) -> str:
        """What each field of the patient changed."""
        if shown is None:
            return ""
        name = in_sentence(self.names[code])
        return patient_html(shown.study, shown.patient, code, name=name, templates=self.templates)

    def why_image(self, shown: Shown | None, code: str, strength: float) -> str:
        """Where in the photograph the class was found."""
        if shown is None:
            return ""
        name = in_sentence(self.names[code])
        return image_html(shown, code, name=name, strength=strength / 100, templates=self.templates)

    def suppose(self, shown: Shown | None, code: str, age: float, site: str) -> str:
        """What the prediction would be for another age, sex or site."""
        if shown is None:
            return ""
        supposed = Patient(float(age), shown.patient.sex, None if site == UNKNOWN else site)
        name = in_sentence(self.names[code])
        return what_if_html(shown.study, supposed, code, name=name, templates=self.templates)

    def similar_cases(self, shown: Shown | None, thumbnail: Thumbnail = no_thumbnail) -> Markup:
        """The nearest training images; pictures where the Archive gave any."""
        cases = shown.study.similar(_CASES) if shown else []
        found = {case.isic_id: thumbnail(case.isic_id) for case in cases}
        known = {isic_id: content for isic_id, content in found.items() if content}
        # The index holds diagnoses, of which a class of the task may join several.
        names = DIAGNOSIS_NAMES | self.names
        return similar_html(cases, names, thumbnails=known, templates=self.templates)


def patient_html(
    study: Study, patient: Patient, code: str, *, name: str, templates: Templates
) -> Markup:
    """Draw what age, sex and site changed in one class's probability."""
    points = {}
    if patient != Patient():
        why, found = templates.texts.why, study.contributions(patient, code)
        points = {
            f"{getattr(why, field)}: {_word(getattr(patient, field), templates.texts)}": 100 * share
            for field, share in found.items()
        }
    return templates.render(
        "why_patient",
        points=points,
        most=max(1.0, *map(abs, points.values())) if points else 1.0,
        name=name,
        alone=study.probabilities(Patient())[code],
        whole=study.probabilities(patient)[code],
    )


def image_html(
    shown: Shown, code: str, *, name: str, strength: float, templates: Templates
) -> Markup:
    """Show the photograph and, beside it, where the class was found; strength is 0 to 1."""
    photograph = shown.study.photograph.copy()
    photograph.thumbnail((SHOWN, SHOWN))
    activation = shown.activation(code)
    return templates.render(
        "why_image",
        name=name,
        photograph=photograph,
        covered=overlay(photograph, activation, strength=strength),
        empty=not activation.any(),
    )


def what_if_html(
    study: Study, supposed: Patient, code: str, *, name: str, templates: Templates
) -> Markup:
    """Draw the class's probability against age for each sex, and by site, for this photograph.

    The supposed age is within the curves, as the slider is.
    """
    age, unknown = supposed.age_approx, templates.texts.inputs.unknown
    curves = {
        unknown if sex == UNKNOWN else sex: points
        for sex, points in study.by_age(supposed, code).items()
    }
    sites = {site: 100 * p for site, p in study.by_site(supposed, code).items()}
    return templates.render(
        "what_if",
        name=name,
        age=age,
        now=", ".join(f"{sex} {percent(_at(points, age))}" for sex, points in curves.items()),
        curves=curves,
        ages=(AGES[0], AGES[-1]),
        highest=_nice(max(p for points in curves.values() for _, p in points)),
        sites=sites,
        site=supposed.anatom_site_general or UNKNOWN,
    )


def similar_html(
    cases: Sequence[SimilarCase],
    names: Mapping[str, str],
    *,
    thumbnails: Mapping[str, bytes],
    templates: Templates,
) -> Markup:
    """List the nearest training images with links to the Archive; thumbnails where it gave any."""
    return templates.render(
        "similar",
        cases=[(case, context_words(case, templates)) for case in cases],
        names=names,
        thumbnails=thumbnails,
        archive_page=_ARCHIVE_PAGE,
    )


def _site_input(services: Services, texts: Texts) -> gr.Radio:
    words = services.manifest.patient.sites
    choices = [*((word, word) for word in words), (texts.inputs.unknown, UNKNOWN)]
    return compact_radio(
        choices, value=UNKNOWN, label=texts.why.what_if_site, min_width=160, elem_id="if-site"
    )


def _word(value: object, texts: Texts) -> str:
    if value is None:
        return texts.inputs.unknown
    return f"{value:g}" if isinstance(value, float) else str(value)


def _at(points: Points, age: float) -> float:
    """The probability at the age that was asked for nearest."""
    return min(points, key=lambda point: abs(point[0] - age))[1]


def _nice(highest: float) -> float:
    """A round upper end of an axis of probabilities."""
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)


def _within_ages(years: float) -> float:
    return min(max(years, AGES[0]), AGES[-1])
