"""The report of one prediction to save: a page to print, and the same as JSON."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from markupsafe import Markup

from demo.prediction import Prediction, context_words, malignancy, prediction_html
from demo.templates import Templates
from model.inference.bundle import Manifest
from model.inference.study import Study


def report_links(
    study: Study, prediction: Prediction, manifest: Manifest, *, templates: Templates
) -> Markup:
    """Two links that save the report; their content is inside the page."""
    now = datetime.now(UTC)
    page = report_html(
        study, prediction, manifest, made=f"{now:%Y-%m-%d %H:%M} UTC", templates=templates
    )
    values = report_data(prediction, manifest, made=now.isoformat(timespec="seconds"))
    return templates.render(
        "report_links",
        page=page.encode(),
        data=json.dumps(values, indent=1).encode(),
        name=f"lesion-report-{now:%Y-%m-%d-%H%M%S}-UTC",  # nothing of the patient
    )


def report_data(prediction: Prediction, manifest: Manifest, *, made: str) -> dict:
    """Model, inputs, outputs and notice as plain values."""
    patient = prediction.patient
    summed = malignancy(prediction.probabilities, manifest)
    return {
        "made": made,
        "model": {
            "name": manifest.name,
            "network_sha256": manifest.network_sha256,
            "versions": manifest.versions,
            "licence": manifest.licence,
        },
        "inputs": {f.column: patient.get(f.key) for f in manifest.patient.fields},
        "probabilities": dict(prediction.probabilities),
        "probabilities_of_image_alone": dict(prediction.alone),
        "malignancy": asdict(summed) if summed else None,
        "prediction_set": list(prediction.prediction_set),
        "ood_score": prediction.ood_score,
        "quality": list(prediction.quality),
        "notice": manifest.intended_use,
    }


def report_html(
    study: Study, prediction: Prediction, manifest: Manifest, *, made: str, templates: Templates
) -> Markup:
    """One self-contained HTML page."""
    texts = templates.texts
    return templates.render(
        "report",
        title=texts.report.title.format(title=texts.page.title),
        manifest=manifest,
        photograph=study.photograph,
        made=made,
        context=context_words(prediction.patient, manifest.patient.fields, texts),
        content=prediction_html(prediction, manifest, templates),
    )
