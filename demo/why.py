"""The reasons for a probability, as HTML: the patient's share, the map, what-if, similar cases."""

from collections.abc import Mapping, Sequence
from html import escape
from types import SimpleNamespace

from demo.charts import Points, bars, lines
from demo.html import data_uri, picture
from demo.present import context_words, percent
from model.inference.overlay import overlay
from model.inference.similar import SimilarCase
from model.inference.study import Study
from model.inference.what_if import AGES
from model.patient import FIELDS, UNKNOWN, Patient

SHOWN = 420
"""Pixels; the longest side of photograph and overlay on the page."""

_ARCHIVE_PAGE = "https://api.isic-archive.com/images/{isic_id}/"


def patient_reasons(
    study: Study, patient: Patient, code: str, *, name: str, texts: SimpleNamespace
) -> str:
    """Draw what age, sex and site changed in one class's probability."""
    alone = study.probabilities(Patient())[code]
    whole = study.probabilities(patient)[code]
    if all(getattr(patient, field) is None for field in FIELDS):
        return f"<p>{escape(texts.why.nothing_known)}</p>"
    found = study.contributions(patient, code)
    points = {
        f"{getattr(texts.why, field)}: {_word(getattr(patient, field), texts)}": 100 * share
        for field, share in found.items()
    }
    heading = texts.why.contributions.format(name=name)
    chart = bars(
        points,
        title=heading,
        most=max(1.0, *map(abs, points.values())),
        signed=True,
        unit=f" {texts.result.points}",
        label_width=190,
    )
    said = texts.why.contributions_text.format(alone=percent(alone), whole=percent(whole))
    return f"<h2>{escape(heading)}</h2>{chart}<p>{escape(said)}</p>"


def image_reasons(
    study: Study,
    patient: Patient,
    code: str,
    *,
    name: str,
    strength: float,
    texts: SimpleNamespace,
) -> str:
    """Show the photograph and, beside it, where the class was found; strength is 0 to 1."""
    photograph = study.photograph.copy()
    photograph.thumbnail((SHOWN, SHOWN))
    activation = study.activation(patient, code)
    said = texts.why.map_text if activation.any() else texts.why.map_empty
    covered = overlay(photograph, activation, strength=strength)
    heading = texts.why.map.format(name=name)
    return (
        f'<div class="pair"><figure>{picture(photograph, texts.why.map_alone)}'
        f"<figcaption>{escape(texts.why.map_alone)}</figcaption></figure>"
        f"<figure>{picture(covered, heading)}<figcaption>{escape(heading)}</figcaption></figure>"
        f"</div><p>{escape(said.format(name=name))}</p>"
    )


def what_if(
    study: Study,
    patient: Patient,
    code: str,
    *,
    name: str,
    age: float,
    site: str | None,
    texts: SimpleNamespace,
) -> str:
    """Draw the class's probability against age for each sex, and by site, for this photograph.

    ``age`` is within the curves, as the slider is.
    """
    supposed = Patient(age, patient.sex, site)
    curves = study.by_age(supposed, code)
    why = texts.why
    age_title, site_title = why.age_curves.format(name=name), why.site_bars.format(name=name)
    by_age = _age_curves(curves, age, title=age_title, texts=texts)
    sites = {word: 100 * p for word, p in study.by_site(supposed, code).items()}
    by_site = bars(sites, title=site_title, most=max(sites.values()), marked=site or UNKNOWN)
    now = ", ".join(f"{sex} {percent(_at(points, age))}" for sex, points in curves.items())
    said = why.what_if_text.format(age=age, values=now, origin=why.what_if_origin)
    return (
        f'<div class="pair"><figure><h2>{escape(age_title)}</h2>{by_age}</figure>'
        f"<figure><h2>{escape(site_title)}</h2>{by_site}</figure></div><p>{escape(said)}</p>"
    )


def similar_cases(
    cases: Sequence[SimilarCase],
    names: Mapping[str, str],
    *,
    thumbnails: Mapping[str, bytes],
    texts: SimpleNamespace,
) -> str:
    """List the nearest training images with links to the Archive; thumbnails where it gave any."""
    why = texts.why
    if not cases:
        return f"<p>{escape(why.similar_none)}</p>"
    rows = "".join(_case(case, names, thumbnails.get(case.isic_id), texts) for case in cases)
    return (
        f"<h2>{escape(why.similar)}</h2><ul class='cases'>{rows}</ul>"
        f"<p>{escape(why.similar_text)}</p>"
    )


def _age_curves(
    curves: Mapping[str, Points], age: float, *, title: str, texts: SimpleNamespace
) -> str:
    highest = max(p for points in curves.values() for _, p in points)
    return lines(
        {_word(None if sex == UNKNOWN else sex, texts): points for sex, points in curves.items()},
        title=title,
        x_label=texts.why.age_axis,
        y_label=texts.why.probability_axis,
        x_range=(AGES[0], AGES[-1]),
        y_range=(0, _nice(highest)),
        mark=age,
    )


def _case(
    case: SimilarCase, names: Mapping[str, str], thumbnail: bytes | None, texts: SimpleNamespace
) -> str:
    link = _ARCHIVE_PAGE.format(isic_id=case.isic_id)
    image = f'<img src="{data_uri(thumbnail, "image/jpeg")}" alt="">' if thumbnail else ""
    return (
        f"<li>{image}<span><strong>{escape(names.get(case.diagnosis, case.diagnosis))}</strong><br>"
        f"{escape(context_words(case, texts))}<br>"
        f"{escape(texts.why.likeness)} {case.similarity:.2f}; "
        f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(case.isic_id)}</a></span></li>"
    )


def _word(value: object, texts: SimpleNamespace) -> str:
    if value is None:
        return texts.inputs.unknown
    return f"{value:g}" if isinstance(value, float) else str(value)


def _at(points: Points, age: float) -> float:
    """The probability at the age that was asked for nearest."""
    return min(points, key=lambda point: abs(point[0] - age))[1]


def _nice(highest: float) -> float:
    """A round upper end of an axis of probabilities."""
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)
