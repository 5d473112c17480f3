"""The report of one prediction to keep: a page to print, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from types import SimpleNamespace

from demo.html import download, picture
from demo.malignancy import malignancy, malignancy_html
from demo.present import bars, context_words, headline, is_unlike, warnings
from demo.style import BARS_CSS
from model.inference.bundle import Manifest
from model.inference.study import Study
from model.patient import Patient

_CSS = """
body { font: 15px/1.4 sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
img { max-width: 20rem; max-height: 16rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.warning { padding-left: 0.75rem; border-left: 4px solid #d55e00; }
"""


@dataclass(frozen=True)
class Answer:
    """What one prediction said."""

    patient: Patient
    probabilities: Mapping[str, float]
    alone: Mapping[str, float]
    prediction_set: Sequence[str]
    unknown_score: float | None
    quality: Sequence[str]


def report_links(
    study: Study, answer: Answer, manifest: Manifest, *, texts: SimpleNamespace
) -> str:
    """Two links that save the report; their content is inside the page."""
    now = datetime.now(UTC)
    when = f"{now:%Y-%m-%d %H:%M} UTC"
    page = report_page(study, answer, manifest, made=when, texts=texts).encode()
    values = report_data(answer, manifest, made=now.isoformat(timespec="seconds"))
    data = json.dumps(values, indent=1).encode()
    name = f"lesion-report-{now:%Y-%m-%d-%H%M%S}-UTC"  # nothing of the patient
    return (
        f"<p>{download(page, 'text/html', name=f'{name}.html', label=texts.report.html)} "
        f"{download(data, 'application/json', name=f'{name}.json', label=texts.report.json)}"
        f"</p><p>{escape(texts.report.text)}</p>"
    )


def report_data(answer: Answer, manifest: Manifest, *, made: str) -> dict:
    """Model, inputs, outputs and notice as plain values."""
    patient = answer.patient
    summed = malignancy(answer.probabilities, manifest)
    return {
        "made": made,
        "model": {
            "name": manifest.name,
            "network_sha256": manifest.network_sha256,
            "versions": manifest.versions,
            "licence": manifest.licence,
        },
        "inputs": {f.column: patient.get(f.key) for f in manifest.patient.fields},
        "probabilities": dict(answer.probabilities),
        "probabilities_of_image_alone": dict(answer.alone),
        "malignancy": asdict(summed) if summed else None,
        "prediction_set": list(answer.prediction_set),
        "unknown_score": answer.unknown_score,
        "quality": list(answer.quality),
        "notice": manifest.intended_use,
    }


def report_page(
    study: Study, answer: Answer, manifest: Manifest, *, made: str, texts: SimpleNamespace
) -> str:
    """One self-contained HTML page."""
    title = texts.report.title.format(title=texts.page.title)
    facts = {
        texts.report.time: made,
        texts.report.patient: context_words(answer.patient, manifest.patient.fields, texts),
        texts.report.model: f"{manifest.name}, SHA-256 {manifest.network_sha256}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_CSS}{BARS_CSS}</style><h1>{escape(title)}</h1>"
        f"<p><strong>{escape(manifest.intended_use)}</strong></p>"
        f"{picture(study.photograph, texts.report.photograph)}<dl>{rows}</dl>"
        f"{said(answer, manifest, texts)}</html>"
    )


def said(answer: Answer, manifest: Manifest, texts: SimpleNamespace) -> str:
    """Warnings, headline and bars, as on the page."""
    first = ""
    if answer.prediction_set:
        found = manifest.metrics.get("test", {}).get("coverage", {}).get("value")
        promised = manifest.prediction_sets["coverage"] if found is None else found
        first = headline(
            [manifest.classes[code] for code in answer.prediction_set],
            # Both were found on images like the training images.
            coverage=None if is_unlike(answer.unknown_score) else promised,
            measured=found is not None,
            texts=texts,
        )
    return (
        warnings(answer.quality, answer.unknown_score, texts)
        + first
        + malignancy_html(
            malignancy(answer.probabilities, manifest),
            manifest.classes,
            alike=not is_unlike(answer.unknown_score),
            texts=texts,
        )
        + bars(
            answer.probabilities,
            manifest.classes,
            alone=answer.alone,
            patient=answer.patient,
            fields=manifest.patient.fields,
            texts=texts,
            listed=answer.prediction_set,
        )
    )
