"""The reasons for a probability, as HTML: the patient's share, the map, what-if, similar cases."""

from collections.abc import Mapping, Sequence
from html import escape
from types import SimpleNamespace

from demo.charts import Points, bars, lines
from demo.html import data_uri, picture
from demo.inputs import label_of, number_label
from demo.present import context_words, in_sentence, percent
from model.inference.grad_cam import overlay
from model.inference.similar import SimilarCase
from model.inference.study import Study
from model.patient import ChoiceField, Field, NumberField, Patient, Value, vary

SHOWN = 420
"""Pixels; the longest side of photograph and overlay on the page."""

_ARCHIVE_PAGE = "https://api.isic-archive.com/images/{isic_id}/"


def patient_reasons(
    study: Study,
    patient: Patient,
    code: str,
    *,
    fields: Sequence[Field],
    name: str,
    texts: SimpleNamespace,
) -> str:
    """Draw what each field changed in one class's probability."""
    alone = study.probabilities(Patient())[code]
    whole = study.probabilities(patient)[code]
    if not patient:
        return f"<p>{escape(texts.why.nothing_known)}</p>"
    found = study.contributions(patient)[code]
    points = {
        f"{field.name}: {_word(patient.get(field.key), texts)}": 100 * found[field.key]
        for field in fields
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
    activation = study.grad_cam(patient, code)
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
    supposed: Patient,
    code: str,
    *,
    fields: Sequence[Field],
    name: str,
    texts: SimpleNamespace,
) -> str:
    """Draw the class's probability against each field, for this photograph.

    A number's is drawn as curves, one for each word of the choice with the fewest words; a
    choice's as bars. The other fields are as ``supposed``, whose numbers are within the curves.
    """
    choices = [field for field in fields if isinstance(field, ChoiceField)]
    other = min(choices, key=lambda field: len(field.words), default=None)
    about = {"name": name, "texts": texts}
    drawn = "".join(
        _curves(study, supposed, code, field=field, other=other, **about)
        if isinstance(field, NumberField)
        else _bars(study, supposed, code, field=field, **about)
        for field in fields
    )
    return f'<div class="pair">{drawn}</div><p>{escape(texts.why.what_if_text)}</p>'


def similar_cases(
    cases: Sequence[SimilarCase],
    names: Mapping[str, str],
    *,
    fields: Sequence[Field],
    thumbnails: Mapping[str, bytes],
    texts: SimpleNamespace,
) -> str:
    """List the nearest training images with links to the Archive; thumbnails where it gave any."""
    why = texts.why
    if not cases:
        return f"<p>{escape(why.similar_none)}</p>"
    rows = "".join(
        _case(case, names, fields, thumbnail=thumbnails.get(case.isic_id), texts=texts)
        for case in cases
    )
    return (
        f"<h2>{escape(why.similar)}</h2><ul class='cases'>{rows}</ul>"
        f"<p>{escape(why.similar_text)}</p>"
    )


def _curves(
    study: Study,
    supposed: Patient,
    code: str,
    *,
    field: NumberField,
    other: ChoiceField | None,
    name: str,
    texts: SimpleNamespace,
) -> str:
    patients = vary(supposed, other) if other else {None: supposed}
    curves = {
        _word(word, texts): list(study.what_if(patient, field, code).items())
        for word, patient in patients.items()
    }
    said = {"name": name, "field": in_sentence(label_of(field.key, texts))}
    title = texts.why.by_field.format(**said)
    if other:
        said["other"] = in_sentence(label_of(other.key, texts))
        title = texts.why.by_two_fields.format(**said)
    here = supposed[field.key]
    chart = lines(
        curves,
        title=title,
        x_label=in_sentence(number_label(field, texts)),
        y_label=texts.why.probability_axis,
        x_range=(field.variations[0], field.variations[-1]),
        y_range=(0, _nice(max(p for points in curves.values() for _, p in points))),
        mark=here,
    )
    values = ", ".join(f"{word} {percent(_at(points, here))}" for word, points in curves.items())
    at = texts.why.what_if_at.format(value=field.say(here), values=values)
    return f"<figure><h2>{escape(title)}</h2>{chart}<p>{escape(at)}</p></figure>"


def _bars(
    study: Study,
    supposed: Patient,
    code: str,
    *,
    field: ChoiceField,
    name: str,
    texts: SimpleNamespace,
) -> str:
    found = study.what_if(supposed, field, code)
    shown = {_word(word, texts): 100 * p for word, p in found.items()}
    title = texts.why.by_field.format(name=name, field=in_sentence(label_of(field.key, texts)))
    here = _word(supposed.get(field.key), texts)
    chart = bars(shown, title=title, most=max(shown.values()), marked=here)
    return f"<figure><h2>{escape(title)}</h2>{chart}</figure>"


def _case(
    case: SimilarCase,
    names: Mapping[str, str],
    fields: Sequence[Field],
    *,
    thumbnail: bytes | None,
    texts: SimpleNamespace,
) -> str:
    link = _ARCHIVE_PAGE.format(isic_id=case.isic_id)
    image = f'<img src="{data_uri(thumbnail, "image/jpeg")}" alt="">' if thumbnail else ""
    return (
        f"<li>{image}<span><strong>{escape(names.get(case.diagnosis, case.diagnosis))}</strong><br>"
        f"{escape(context_words(case.patient, fields, texts))}<br>"
        f"{escape(texts.why.likeness)} {case.similarity:.2f}; "
        f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(case.isic_id)}</a></span></li>"
    )


def _word(value: Value | None, texts: SimpleNamespace) -> str:
    if value is None:
        return texts.inputs.unknown
    return f"{value:g}" if isinstance(value, float) else str(value)


def _at(points: Points, value: float) -> float:
    """The probability at the nearest value that was asked for."""
    return min(points, key=lambda point: abs(point[0] - value))[1]


def _nice(highest: float) -> float:
    """A round upper end of an axis of probabilities."""
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)
