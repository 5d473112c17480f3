"""A report as one HTML page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from model.evaluation.rendering import with_ci
from model.evaluation.report_text import NOTE, gap_sentence, has_note, headlines_in
from model.html_page import Section, Table, html_page

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
    captions = [Section(_CAPTIONS[path.name], picture=path) for path in pictures]
    return html_page(title, [*_sections(report), *captions])


def _sections(report: dict) -> Iterator[Section]:
    yield _headlines(report)
    yield Section("By diagnosis", tables=[_class_table(report)])
    if report["operating_points"]:
        title = "Operating points, thresholds from validation images"
        yield Section(title, tables=[_point_table(report)])
    yield _calibration(report["calibration"])
    yield _groups(report["subgroups"], headlines_in(report))
    if report.get("unknown"):
        yield Section("Out-of-distribution images", tables=[_ood_table(report["unknown"])])
    if report.get("explanations"):
        yield Section("Activation maps checked", tables=[_explanations(report["explanations"])])
    yield Section(texts=[f"Note: {note}" for note in report["notes"]])


def _headlines(report: dict) -> Section:
    about, headlines = report["about"], headlines_in(report)
    text = (
        f"{about['images']:,} images of {about['lesions']:,} lesions. In brackets: "
        f"{about['interval']}, {about['draws']:,} draws. Research and teaching only; not a medical "
        "device."
    )
    rows = [(name, with_ci(report[key])) for key, name in headlines.items()]
    return Section(
        texts=[text, *([NOTE] if has_note(report) else [])], tables=[Table(("", "figure"), rows)]
    )


def _class_table(report: dict) -> Table:
    coverage = report["prediction_sets"]["coverage_by_class"]
    rows = [
        (code, row["support"], *(with_ci(row[key]) for key in _CLASS), with_ci(coverage[code]))
        for code, row in report["per_class"].items()
    ]
    names = (name.replace("_", " ") for name in _CLASS)
    return Table(("diagnosis", "images", *names, "coverage"), rows)


def _point_table(report: dict) -> Table:
    rows = [
        (
            *(question, point.replace("_", " "), f"{row['threshold']:.4f}"),
            *(with_ci(row[side]) for side in ("sensitivity", "specificity")),
        )
        for question, points in report["operating_points"].items()
        for point, row in points.items()
    ]
    return Table(("question", "point", "threshold", "sensitivity", "specificity"), rows)


def _calibration(found: dict) -> Section:
    names = [name for name in found["after"] if name != "bins"]
    rows = [(n, with_ci(found["before"][n]), with_ci(found["after"][n])) for n in names]
    text = f"Temperature {found['temperature']:.3f}, fitted on validation images."
    return Section("Calibration", [text], tables=[Table(("", "before", "after"), rows)])


def _groups(subgroups: dict, headlines: dict[str, str]) -> Section:
    tables = []
    for dimension, found in subgroups.items():
        if dimension == "largest_gap":
            continue
        rows = [
            (name, row["images"], row["lesions"], *(with_ci(row[key]) for key in headlines))
            for name, row in found["groups"].items()
        ]
        head = (dimension.replace("_", " "), "images", "lesions", *headlines.values())
        tables.append(Table(head, rows))
    return Section("By group", [gap_sentence(subgroups["largest_gap"])], tables=tables)


def _ood_table(found: dict) -> Table:
    methods = list(found["false_alarm_rate"])
    alarms = ("false-positive rate", *(with_ci(found["false_alarm_rate"][m]) for m in methods))
    rows = [
        (kind, *(f"AUC {row[m]['auc']:.3f}, noticed {row[m]['noticed']:.0%}" for m in methods))
        for kind, row in found["kinds"].items()
    ]
    return Table(("", *methods), [alarms, *rows])


def _explanations(found: dict) -> Table:
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
    return Table(("", "mean"), rows)
