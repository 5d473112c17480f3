"""Explanations of a prediction: what the patient changed, the map, what-if and similar cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from demo.charts import Chart, Points, bars, lines
from demo.formatting import in_sentence
from demo.inputs import label_of, number_label
from demo.lesions import draw_frame
from demo.prediction import Prediction, context_words, value_text, word_of
from demo.templates import Templates
from demo.texts import Texts
from model.frame import Box
from model.inference.grad_cam import overlay
from model.inference.similar import SimilarCase
from model.inference.study import Study
from model.patient import ChoiceField, Field, NumberField, Patient, PatientEncoder, vary

SHOWN = 420
"""Pixels; the longest side of photograph and overlay on the page."""

_ARCHIVE_PAGE = "https://api.isic-archive.com/images/{isic_id}/"


@dataclass(frozen=True)
class Shown:
    """The prediction on screen: a study, its patient and upload."""

    study: Study
    patient: Patient
    upload: Path | None = None
    found: Study | None = None  # of the lesion that was found, where the visitor chose another
    _maps: dict[str, np.ndarray] = field(default_factory=dict, compare=False)

    @property
    def file(self) -> str:
        """The name of the photograph's file."""
        return self.upload.name if self.upload else ""

    @property
    def as_found(self) -> Study:
        """The study of the lesion that was found, even if the visitor chose another."""
        return self.found or self.study

    @property
    def chosen(self) -> Box | None:
        """The lesion that the visitor chose in place of the one that was found."""
        return self.study.framed.box if self.found else None

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction, computed once."""
        return Prediction.of(self.study, self.patient)

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Of each class, with the patient's context."""
        return self.prediction.probabilities

    @cached_property
    def contributions(self) -> dict[str, dict[str, float]]:
        """Of each field to each class's probability, computed once."""
        return self.study.contributions(self.patient)

    def grad_cam(self, code: str) -> np.ndarray:
        """A class's Grad-CAM map, computed once."""
        if code not in self._maps:
            self._maps[code] = self.study.grad_cam(self.patient, code)
        return self._maps[code]

    def overlay(self, code: str, *, side: int, strength: float) -> Image.Image:
        """The class's map on the photograph, the fainter the less probable the class is."""
        share = sqrt(self.probabilities[code])
        photograph = _reduced(self.study.photograph, side)
        return overlay(photograph, self.grad_cam(code), strength=strength * share)

    def framed(self, side: int) -> Image.Image:
        """The photograph with the outline of its frame, if it has one."""
        photograph = _reduced(self.study.photograph, side)
        draw_frame(photograph, self.study.framed.frame, self.study.size)
        return photograph


def _reduced(photograph: Image.Image, side: int) -> Image.Image:
    copy = photograph.copy()
    copy.thumbnail((side, side))
    return copy


def nearest_variation(patient: Patient, encoder: PatientEncoder) -> Patient:
    """The patient with each number at the nearest of the values that "what if" asks for.

    An unknown number is at the mean, as it is encoded.
    """
    for known in encoder.fields:
        if isinstance(known, NumberField):
            here = patient.get(known.key, encoder.scaling[known.key]["mean"])
            nearest = min(known.variations, key=lambda value: abs(value - here))
            patient = patient.replace(known.key, nearest)
    return patient


def patient_html(
    shown: Shown,
    code: str,
    *,
    fields: Sequence[Field],
    name: str,
    templates: Templates,
    worth: str = "",
) -> Markup:
    """Say what each field changed in one class's probability.

    ``worth`` is what context was worth on test images.
    """
    study, patient = shown.study, shown.patient
    return templates.render(
        "why_patient",
        contributions=contributions_html(
            shown, code, fields=fields, name=name, templates=templates
        ),
        name=name,
        alone=study.probabilities(Patient())[code],
        whole=study.probabilities(patient)[code],
        worth=worth,
    )


def contributions_html(
    shown: Shown, code: str, *, fields: Sequence[Field], name: str, templates: Templates
) -> Markup | str:
    """Draw what each field changed in one class's probability; empty without any context."""
    if not shown.patient:
        return ""
    found, texts = shown.contributions[code], templates.texts
    points = {
        f"{texts.word(f.name)}: {word_of(shown.patient.get(f.key), texts)}": 100 * found[f.key]
        for f in fields
    }
    heading = texts.why.contributions.format(name=name)
    return templates.render("contributions", points=points, heading=heading)


def image_html(
    shown: Shown, code: str, *, name: str, strength: float, templates: Templates
) -> Markup:
    """Show the photograph and, beside it, where the class was found; strength is 0 to 1."""
    return templates.render(
        "why_image",
        name=name,
        share=shown.probabilities[code],
        photograph=shown.framed(SHOWN),
        is_framed=shown.study.framed.frame is not None,
        covered=shown.overlay(code, side=SHOWN, strength=strength),
        empty=not shown.grad_cam(code).any(),
    )


def what_if_html(
    study: Study,
    supposed: Patient,
    code: str,
    *,
    fields: Sequence[Field],
    name: str,
    templates: Templates,
) -> Markup:
    """Draw the class's probability against each field, for this photograph.

    A number's is drawn as curves, one for each word of the choice with the fewest words; a
    choice's as bars. The other fields are as ``supposed``, whose numbers are within the curves.
    """
    choices = [field for field in fields if isinstance(field, ChoiceField)]
    other = min(choices, key=lambda field: len(field.words), default=None)
    about = {"name": name, "texts": templates.texts}
    return templates.render(
        "what_if",
        panels=[
            _curves(study, supposed, code, field=field, other=other, **about)
            if isinstance(field, NumberField)
            else _bars(study, supposed, code, field=field, **about)
            for field in fields
        ],
    )


def similar_html(
    cases: Sequence[SimilarCase],
    names: Mapping[str, str],
    *,
    fields: Sequence[Field],
    thumbnails: Mapping[str, bytes],
    templates: Templates,
) -> Markup:
    """List the nearest training images with links to the Archive; thumbnails where it gave any."""
    return templates.render(
        "similar",
        cases=[(case, context_words(case.patient, fields, templates.texts)) for case in cases],
        names=names,
        thumbnails=thumbnails,
        archive_page=_ARCHIVE_PAGE,
    )


@dataclass(frozen=True)
class Panel:
    """What a field would change: a chart, and for a number its values in words."""

    title: str
    chart: Chart
    summary: str = ""


def _curves(
    study: Study,
    supposed: Patient,
    code: str,
    *,
    field: NumberField,
    other: ChoiceField | None,
    name: str,
    texts: Texts,
) -> Panel:
    why, label, here = texts.why, in_sentence(label_of(field.key, texts)), supposed[field.key]
    patients = vary(supposed, other) if other else {None: supposed}
    curves = {
        word_of(word, texts): list(study.what_if(patient, field, code).items())
        for word, patient in patients.items()
    }
    title = why.by_field.format(name=name, field=label)
    if other:
        second = in_sentence(label_of(other.key, texts))
        title = why.by_two_fields.format(name=name, field=label, other=second)
    chart = lines(
        curves,
        title=title,
        x_label=in_sentence(number_label(field, texts)),
        y_label=why.probability_axis,
        x_range=(field.variations[0], field.variations[-1]),
        y_range=(0, _nice(max(p for points in curves.values() for _, p in points))),
        mark=here,
        numbers=texts.numbers,
    )
    percent = texts.numbers.percent
    values = ", ".join(f"{word} {percent(_at(points, here))}" for word, points in curves.items())
    return Panel(
        title, chart, why.what_if_at.format(value=value_text(field, here, texts), values=values)
    )


def _bars(
    study: Study, supposed: Patient, code: str, *, field: ChoiceField, name: str, texts: Texts
) -> Panel:
    found = study.what_if(supposed, field, code)
    shown = {word_of(word, texts): 100 * p for word, p in found.items()}
    title = texts.why.by_field.format(name=name, field=in_sentence(label_of(field.key, texts)))
    here = word_of(supposed.get(field.key), texts)
    most, numbers = max(shown.values()), texts.numbers
    return Panel(title, bars(shown, title=title, most=most, marked=here, numbers=numbers))


def _at(points: Points, value: float) -> float:
    """The probability at the nearest value that was asked for."""
    return min(points, key=lambda point: abs(point[0] - value))[1]


def _nice(highest: float) -> float:
    """A round upper end of an axis of probabilities."""
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)
