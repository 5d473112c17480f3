"""A report as one HTML page."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from model.evaluation.rendering import html_table, with_ci
from model.evaluation.report_text import NOTE, gap_sentence, has_note, headlines_in
from model.html_page import html_page, picture_html

_CAPTIONS = {
    "confusion.png": "Confusion matrices",
    "roc.png": "ROC curve of each diagnosis against the others",
    "precision_recall.png": "Precision and recall of each diagnosis against the others",
    "reliability.png": "Reliability in bins of as many images",
    "robustness.png": "Figures against the severity of a change of the photograph",
    "mistakes.png": "The most confident misclassifications, with Grad-CAMs of the predicted class",
}
_CLASS = ("recall", "precision", "specificity", "f1", "auc", "average_precision")
_DELETION = ("marked", "elsewhere", "centre", "minus_elsewhere", "minus_centre")


def report_page(report: dict, pictures: Sequence[Path]) -> str:
    """Write the page, with the pictures inside."""
    about = report["about"]
    title = f"{about['name']}: {about['part']} part"
    blocks = [
        f"<p>{about['images']:,} images of {about['lesions']:,} lesions. In brackets: "
        f"{escape(about['interval'])}, {about['draws']:,} draws. Research and teaching only; not "
        "a medical device.</p>",
        html_table(
            ("", "figure"),
            [(n, with_ci(report[k])) for k, n in headlines_in(report).items()],
        ),
        *([f"<p>{escape(NOTE)}</p>"] if has_note(report) else []),
        _section("By diagnosis", _class_table(report)),
        *_points(report),
        _section("Calibration", _calibration_table(report)),
        _section("By group", _groups(report["subgroups"], headlines_in(report))),
        *_optional(report),
        *(_picture(path) for path in pictures),
    ]
    return html_page(title, blocks)


def _class_table(report: dict) -> str:
    coverage = report["prediction_sets"]["coverage_by_class"]
    rows = [
        (
            code,
            row["support"],
            *(with_ci(row[key]) for key in _CLASS),
            with_ci(coverage[code]),
        )
        for code, row in report["per_class"].items()
    ]
    names = (name.replace("_", " ") for name in _CLASS)
    return html_table(("diagnosis", "images", *names, "coverage"), rows)


def _points(report: dict) -> Iterable[str]:
    if report["operating_points"]:
        title = "Operating points, thresholds from validation images"
        yield _section(title, _point_table(report))


def _point_table(report: dict) -> str:
    rows = [
        (
            *(question, point.replace("_", " "), f"{row['threshold']:.4f}"),
            *(with_ci(row[side]) for side in ("sensitivity", "specificity")),
        )
        for question, points in report["operating_points"].items()
        for point, row in points.items()
    ]
    return html_table(("question", "point", "threshold", "sensitivity", "specificity"), rows)


def _calibration_table(report: dict) -> str:
    found = report["calibration"]
    names = [name for name in found["after"] if name != "bins"]
    rows = [(n, with_ci(found["before"][n]), with_ci(found["after"][n])) for n in names]
    text = f"<p>Temperature {found['temperature']:.3f}, fitted on validation images.</p>"
    return text + html_table(("", "before", "after"), rows)


def _groups(subgroups: dict, headlines: dict[str, str]) -> str:
    blocks = [f"<p>{escape(gap_sentence(subgroups['largest_gap']))}</p>"]
    for dimension, found in subgroups.items():
        if dimension == "largest_gap":
            continue
        rows = [
            (name, row["images"], row["lesions"], *(with_ci(row[key]) for key in headlines))
            for name, row in found["groups"].items()
        ]
        head = (dimension.replace("_", " "), "images", "lesions", *headlines.values())
        blocks.append(html_table(head, rows))
    return "\n".join(blocks)


def _optional(report: dict) -> Iterable[str]:
    if report.get("unknown"):
        yield _section("Out-of-distribution images", _ood(report["unknown"]))
    if report.get("explanations"):
        yield _section("Activation maps checked", _explanations(report["explanations"]))
    for note in report["notes"]:
        yield f"<p>Note: {escape(note)}</p>"


def _ood(found: dict) -> str:
    methods = list(found["false_alarm_rate"])
    alarms = ("false-positive rate", *(with_ci(found["false_alarm_rate"][m]) for m in methods))
    rows = [
        (kind, *(f"AUC {row[m]['auc']:.3f}, noticed {row[m]['noticed']:.0%}" for m in methods))
        for kind, row in found["kinds"].items()
    ]
    return html_table(("", *methods), [alarms, *rows])


def _explanations(found: dict) -> str:
    deletion = found["deletion"]
    rows = [
        (f"fall of the probability: {k.replace('_', ' ')}", with_ci(deletion[k])) for k in _DELETION
    ]
    if found["on_lesion"]:
        rows += [
            (f"share on the lesion: {key.replace('_', ' ')}", with_ci(value))
            for key, value in found["on_lesion"].items()
            if key != "images"
        ]
    return html_table(("", "mean"), rows)


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _picture(path: Path) -> str:
    caption = _CAPTIONS[path.name]
    return _section(caption, picture_html(path, caption))
