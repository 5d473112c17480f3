"""The main figures of a report, kept in the bundle's manifest and shown as tables in the docs.

A document takes part by a pair of marker lines; what is between them is written by
``python -m model card`` and by nobody else:

    <!-- metrics:begin -->
    <!-- metrics:end -->
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.errors import DataError
from model.evaluation.context_worth import SIDES
from model.evaluation.report_text import (
    BY_SOURCE,
    HEADLINES,
    NOTE,
    context_sentence,
    has_note,
    headlines_in,
    markdown_table,
    second_photograph_rows,
    second_photograph_sentence,
    steadiness_rows,
    steadiness_sentence,
    thirds_sentence,
    with_ci,
)
from model.inference.bundle import Manifest, read_manifest, write_manifest
from model.patient import FIELDS, Field

BEGIN = "<!-- metrics:begin -->"
END = "<!-- metrics:end -->"

_OF_CLASS = {
    "recall": "recall",
    "precision": "precision",
    "specificity": "specificity",
    "auc": "AUC",
}
_KEPT_WHOLE = ("missed_melanomas", "context", "second_photograph", "steadiness")
"""Keys of the report that are stored as they are, where it has them."""

_EXAMPLES = {
    "closeups": "close-ups, taken without a dermatoscope",
    "other_lesions": "lesions that are none of the classes",
}


def store_metrics(bundle: Path, report: dict) -> Manifest:
    """Write the main figures of a report into the bundle's manifest, under the report's part."""
    manifest = read_manifest(bundle)
    part = report["about"]["part"]
    figures = compact(report, manifest.patient.fields)
    manifest = replace(manifest, metrics={**manifest.metrics, part: figures})
    write_manifest(bundle, manifest)
    return manifest


def compact(report: dict, fields: Sequence[Field] = FIELDS) -> dict:
    """The figures worth keeping with the bundle, to six digits, of which three may be shown."""
    about = report["about"]
    kept = {
        **{name: report[name] for name in headlines_in(report)},
        "operating_points": report["operating_points"],
        "per_class": {
            code: {"support": row["support"], **{name: row[name] for name in (*_OF_CLASS, "f1")}}
            for code, row in report["per_class"].items()
        },
        "per_source": {
            source: {
                "images": row["images"],
                **{name: row[name] for name in BY_SOURCE if name in row},
            }
            for source, row in report["per_source"].items()
        },
        "coverage_by_class": report["prediction_sets"]["coverage_by_class"],
        "ece_before": report["calibration"]["before"]["ece"],
        "largest_gap": report["subgroups"]["largest_gap"],
        "confusion": report["confusion"],
        "roc": report["roc"],
        "by_threshold": report["by_threshold"],
        **{key: report[key] for key in _KEPT_WHOLE if key in report},
        "reliability": report["calibration"]["after"]["bins"],
        "subgroups": {f.key: _groups(report["subgroups"][f.key]) for f in fields},
        "images": about["images"],
        "lesions": about["lesions"],
    }
    return _rounded(kept)


def _groups(dimension: dict) -> dict:
    """Images and main figures of the groups of one dimension."""
    return {group: _group(row) for group, row in dimension["groups"].items()}


def _group(row: dict) -> dict:
    return {"images": row["images"], **{name: row[name] for name in BY_SOURCE if name in row}}


def metrics_markdown(manifest: Manifest, part: str = "test") -> str:
    """The tables of one part, as Markdown.

    Raises:
        DataError: the bundle has no figures of that part, or damaged ones.
    """
    again = f"python -m model evaluate --data DIR --part {part} --out report --store"
    if part not in manifest.metrics:
        raise DataError(
            f"the bundle {manifest.name!r} has no figures of its {part} part. Measure them with: "
            f"{again}"
        )
    try:
        tables = _tables(manifest.name, part, manifest.metrics[part])
        return "\n".join([tables, *_recognised(manifest.ood.get("examples"))])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"the figures of the {part} part in the bundle {manifest.name!r} are incomplete or "
            f"damaged ({type(error).__name__}: {error}). Measure them again with: {again}"
        ) from error


def _tables(name: str, part: str, found: dict) -> str:
    return "\n".join(
        [
            f"{name}, {part} part: {found['images']:,} images of {found['lesions']:,} "
            "lesions, none of which was trained on. In brackets 95 % intervals, bootstrap by "
            "lesion.",
            "",
            *markdown_table(
                ("", "figure"),
                [(title, with_ci(found[k])) for k, title in headlines_in(found).items()],
            ),
            "",
            *([NOTE.replace("*", r"\*"), ""] if has_note(found) else []),
            *_rows("diagnosis", "support", found["per_class"], _OF_CLASS),
            "",
            *_rows("source", "images", found["per_source"], BY_SOURCE),
            *_missed(found.get("missed_melanomas")),
            *_context(found.get("context")),
            *_second_photograph(found.get("second_photograph")),
            *_steadiness(found.get("steadiness")),
        ]
    )


def _missed(found: dict | None) -> list[str]:
    """How often melanoma is missed, by source; nothing of bundles that did not store it."""
    if not found:
        return []
    rows = [(name, row["melanomas"], with_ci(row["missed"])) for name, row in found.items()]
    said = "Share of melanomas below the cut-off that gave 90 % sensitivity on validation images:"
    return ["", said, "", *markdown_table(("source", "melanomas", "missed"), rows)]


def _second_photograph(found: dict | None) -> list[str]:
    if not found:
        return []
    heads, *rows = second_photograph_rows(found)
    return ["", second_photograph_sentence(found), "", *markdown_table(heads, rows)]


def _steadiness(found: dict | None) -> list[str]:
    if not found:
        return []
    heads, *rows = steadiness_rows(found)
    text = f"{steadiness_sentence(found)} {thirds_sentence(found)}"
    return ["", text, "", *markdown_table(heads, rows)]


def _recognised(found: dict | None) -> list[str]:
    """How many photographs that the network is not for get their notice."""
    if not found:
        return []
    rows = [
        (_EXAMPLES[kind], str(row["images"]), with_ci(row["recognised"]))
        for kind, row in found.items()
    ]
    table = markdown_table(("photographs that the network is not for", "images", "noticed"), rows)
    return ["", *table, "", "By cross-validation, lesion by lesion; Wilson intervals."]


def _context(found: dict | None) -> list[str]:
    """What context was worth, and for whom; nothing of bundles that did not store it."""
    if not found:
        return []
    figures = [
        (HEADLINES[key], *(with_ci(row[side]) for side in SIDES))
        for key, row in found["figures"].items()
    ]
    groups = [
        (f"{dimension}: {name}", row["images"], *(with_ci(row[side]) for side in SIDES))
        for dimension, rows in found["groups"].items()
        for name, row in rows.items()
    ]
    heads = [side.replace("_", " ") for side in SIDES]
    return [
        *("", context_sentence(found), "", *markdown_table(("", *heads), figures)),
        *("", "Balanced accuracy by group of at least 50 images:", ""),
        *markdown_table(("group", "images", *heads), groups),
    ]


def with_metrics(text: str, tables: str) -> str:
    """Replace what is between the markers of a document.

    Raises:
        DataError: the document does not have exactly one pair of markers.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise DataError(f"the document needs one line {BEGIN} and, below it, one line {END}.")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _rows(kind: str, counted: str, rows: dict, columns: dict[str, str]) -> list[str]:
    cells = [
        (name, str(row[counted]), *(with_ci(row[key]) for key in columns if key in row))
        for name, row in rows.items()
    ]
    known = [name for key, name in columns.items() if all(key in row for row in rows.values())]
    return markdown_table((kind, "images", *known), cells)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        # A threshold is compared with, so it is kept as it is.
        return {k: v if k == "threshold" else _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
