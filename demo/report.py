"""The report of one prediction to save: a page to print, and the same as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from demo.explanations import Shown, contributions_html
from demo.formatting import in_sentence, most_probable
from demo.prediction import context_words, malignancy, melanoma, prediction_html
from demo.templates import Templates
from model.inference.bundle import Manifest

_SIDE = 360  # pixels of the longest side of a picture, which is printed 6 cm wide
_STRENGTH = 0.6  # of the map


@dataclass(frozen=True)
class Remarks:
    """What the visitor writes about a case."""

    label: str = ""
    note: str = ""


def report_links(
    shown: Shown, manifest: Manifest, remarks: Remarks, *, templates: Templates
) -> Markup:
    """Two links that save the report; their content is inside the page."""
    now = datetime.now(UTC)
    page = report_html(
        shown, manifest, remarks, made=f"{now:%Y-%m-%d %H:%M} UTC", templates=templates
    )
    values = report_data(shown, manifest, remarks, made=now.isoformat(timespec="seconds"))
    return templates.render(
        "report_links",
        page=page.encode(),
        data=json.dumps(values, indent=1).encode(),
        name=f"lesion-report-{now:%Y-%m-%d-%H%M%S}-UTC",  # nothing of the patient
    )


def report_data(shown: Shown, manifest: Manifest, remarks: Remarks, *, made: str) -> dict:
    """Model, inputs, outputs and notice as plain values."""
    prediction, framed = shown.prediction, shown.study.framed
    return {
        "made": made,
        **asdict(remarks),
        "file": shown.file,
        "model": {
            "name": manifest.name,
            "version": version(manifest),
            "network_sha256": manifest.network_sha256,
            "versions": manifest.versions,
            "licence": manifest.licence,
        },
        "inputs": {f.column: shown.patient.get(f.key) for f in manifest.patient.fields},
        "probabilities": dict(prediction.probabilities),
        "probabilities_of_image_alone": dict(prediction.alone),
        "range": dict(prediction.ranges),
        "contributions": shown.contributions if shown.patient else {},
        "malignancy": _values(malignancy(prediction.probabilities, manifest)),
        "melanoma": _values(melanoma(prediction.probabilities, manifest)),
        "prediction_set": list(prediction.prediction_set),
        "ood_score": prediction.ood_score,
        "quality": list(prediction.quality),
        "warnings": list(prediction.warnings),
        "box": framed.box,
        "frame": framed.frame and framed.frame.box,
        "notice": manifest.intended_use,
    }


def report_html(
    shown: Shown, manifest: Manifest, remarks: Remarks, *, made: str, templates: Templates
) -> Markup:
    """One self-contained HTML page, which prints on one of A4."""
    texts, prediction = templates.texts, shown.prediction
    code = most_probable(prediction.probabilities)
    about = {"name": in_sentence(manifest.classes[code]), "templates": templates}
    return templates.render(
        "report",
        title=texts.report.title.format(title=texts.page.title),
        manifest=manifest,
        remarks=remarks,
        file=shown.file,
        version=version(manifest),
        framed=shown.framed(_SIDE),
        is_framed=shown.study.framed.frame is not None,
        covered=shown.overlay(code, side=_SIDE, strength=_STRENGTH),
        name=about["name"],
        share=prediction.probabilities[code],
        contributions=contributions_html(shown, code, fields=manifest.patient.fields, **about),
        made=made,
        context=context_words(shown.patient, manifest.patient.fields, texts),
        content=prediction_html(prediction, manifest, templates),
    )


def version(manifest: Manifest) -> str:
    """The network's hash as far as people compare it."""
    return manifest.network_sha256[:12]


def _values(found: object) -> Mapping[str, object] | None:
    return asdict(found) if found else None
