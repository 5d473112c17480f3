"""A report for readers: as text for the terminal, as one HTML page, and how tables are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from model.evaluation.intervals import Interval
from model.html_page import Section, Table, html_page
from model.inference.calibration import MALIGNANT, point_name

Cells = Sequence[object]

HEADLINES = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_auc": "macro AUC",
    "melanoma_auc": "melanoma AUC",
    "melanoma_sensitivity": "melanoma sensitivity*",
    "melanoma_specificity": "melanoma specificity*",
    "ece": "calibration error (ECE)",
    "coverage": "prediction-set coverage",
    "set_size": "mean size of the sets",
}
"""Keys of the report → names for readers."""

BY_SOURCE = {key: HEADLINES[key] for key in ("balanced_accuracy", "macro_auc", "melanoma_auc")}
"""Those that are given for each source and each group of patients."""

_SCREENING = point_name("sensitivity", 0.90)

NOTE = "* at the threshold that gave 90 % specificity on validation images"


def headlines_in(figures: dict) -> dict[str, str]:
    """The headlines that there are: those of melanoma need a class of that code."""
    return {key: name for key, name in HEADLINES.items() if key in figures}


def has_note(figures: dict) -> bool:
    """Whether a headline bears the star of ``NOTE``."""
    return any("*" in name for name in headlines_in(figures).values())


def report_text(report: dict) -> str:
    """Headlines, classes and sources as plain text."""
    about = report["about"]
    by_source = {key: name for key, name in BY_SOURCE.items() if key in report}
    classes = [
        (code, row["support"], *(with_ci(row[k]) for k in ("recall", "precision", "auc")))
        for code, row in report["per_class"].items()
    ]
    sources = [
        (name, row["images"], *(with_ci(row[key]) for key in by_source))
        for name, row in report["per_source"].items()
    ]
    lines = [
        f"{about['name']}, {about['part']} part: {about['images']} images of "
        f"{about['lesions']} lesions; 95 % intervals by lesion",
        "",
        *headline_lines(report),
        *([NOTE] if has_note(report) else []),
        "",
        *_malignant_lines(report["operating_points"]),
        *text_table([("class", "images", "recall", "precision", "AUC"), *classes]),
        "",
        *text_table([("source", "images", *by_source.values()), *sources]),
        "",
        gap_sentence(report["subgroups"]["largest_gap"]),
        *_second_photograph_lines(report.get("second_photograph")),
        *_steadiness_lines(report.get("steadiness")),
    ]
    return "\n".join(lines)


def _second_photograph_lines(found: dict | None) -> list[str]:
    if not found:
        return []
    return ["", second_photograph_sentence(found), *text_table(second_photograph_rows(found))]


def second_photograph_sentence(found: dict) -> str:
    """Say on what the worth of a second photograph was measured."""
    return (
        f"What a second photograph is worth, on the {found['lesions']:,} lesions with several: "
        "two photographs answered together, and each alone."
    )


def second_photograph_rows(found: dict) -> list[tuple]:
    """A heading, and a row for each figure."""
    figures = found["figures"]
    heads = ("", "one photograph", "two", "difference")
    return [heads, *((HEADLINES[k], *map(with_ci, row.values())) for k, row in figures.items())]


def _steadiness_lines(found: dict | None) -> list[str]:
    if not found:
        return []
    sentences = [steadiness_sentence(found), thirds_sentence(found)]
    return ["", *text_table(steadiness_rows(found)), "", *sentences]


def thirds_sentence(found: dict) -> str:
    """Say how often the answer is wrong where its range over views and scales is narrow or wide."""
    thirds = ", ".join(map(with_ci, found["error_by_third_of_range"]))
    return (
        "Share of wrong first answers by the range over views and scales, narrowest to widest "
        f"third: {thirds}."
    )


def context_sentence(found: dict) -> str:
    """Say how often context changes the first answer, and how often that is right."""
    changed, before, after = (
        with_ci(found[key]) for key in ("changed", "right_alone", "right_with_context")
    )
    return (
        "What age, sex and site were worth: the same images answered without and with them. They "
        f"change the most probable diagnosis in {changed} of the images. Of those, the "
        f"image alone is right in {before}, with context in {after}."
    )


def headline_lines(figures: dict) -> list[str]:
    """The headline figures that there are, one per line."""
    return text_table([(n, with_ci(figures[k])) for k, n in headlines_in(figures).items()])


def gap_sentence(gap: dict | None) -> str:
    """Say in one sentence which two groups differ most."""
    if gap is None:
        return "No two groups are large enough to be compared."
    return (
        "Largest gap between two groups, mean recall over their shared classes: "
        f"{gap['dimension']} {gap['better']} above {gap['worse']} by {with_ci(gap['difference'])}."
    )


def _malignant_lines(points: dict) -> list[str]:
    """Malignant against benign at the threshold for 90 % sensitivity; none without it."""
    found = points.get(MALIGNANT, {}).get(_SCREENING)
    if not found:
        return []
    sides = ", ".join(f"{side} {with_ci(found[side])}" for side in ("sensitivity", "specificity"))
    return [f"malignant or not, threshold for 90 % sensitivity on validation images: {sides}", ""]


_CAPTIONS = {
    "confusion.png": "Confusion matrices",
    "roc.png": "ROC curve of each diagnosis against the others",
    "precision_recall.png": "Precision and recall of each diagnosis against the others",
    "reliability.png": "Reliability diagram, in bins of equally many images",
    "robustness.png": "Figures against the severity of a change of the photograph",
    "mistakes.png": "The most confident misclassifications, with Grad-CAMs of the predicted class",
}
_CLASS = {
    **{name: name for name in ("recall", "precision", "specificity")},
    **{"f1": "F1", "auc": "AUC", "average_precision": "average precision"},
}
_CALIBRATION = {
    "ece": "ECE, bins of equally many images",
    "ece_equal_width": "ECE, bins of equal width",
    "classwise_ece": "ECE, mean over the classes",
    "brier": "Brier score",
    "nll": "negative log-likelihood",
}
_DELETION = ("marked", "elsewhere", "centre", "minus_elsewhere", "minus_centre")


_STEADY = {
    "median_move": "largest move, median",
    "move_90th_percentile": "90th percentile",
    "first_answer_changes": "first answer changes",
}
_OF_SHARP = ("move_90th_percentile", "first_answer_changes")


def steadiness_rows(found: dict) -> list[tuple]:
    """How far answers move: a heading, and a row for each change of the photograph."""
    sharp = found.get("sharp")
    heads = ["the same lesion, photographed otherwise", *_STEADY.values()]
    if sharp:
        heads += [f"sharp: {_STEADY[key]}" for key in _OF_SHARP]
    rows = [tuple(heads)]
    for name, row in found["changes"].items():
        figures = [with_ci(row[key]) for key in _STEADY]
        if sharp:
            figures += [with_ci(sharp["changes"][name][key]) for key in _OF_SHARP]
        rows.append((name.replace("_", " "), *figures))
    return rows


def steadiness_sentence(found: dict) -> str:
    """Say on how many photographs it was measured, and which of them are sharp."""
    text = f"How far answers move, on {found['images']:,} photographs."
    if sharp := found.get("sharp"):
        text += (
            f" Sharp: {sharp['images']:,} photographs of at least {sharp['pixels']} pixels along "
            "the shorter side, which the network need not enlarge."
        )
    return text


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
    if report.get("context"):
        yield _context(report["context"])
    if found := report.get("second_photograph"):
        head, *rows = second_photograph_rows(found)
        text = second_photograph_sentence(found)
        yield Section("A second photograph", [text], tables=[Table(head, rows)])
    if report.get("unknown"):
        yield Section("Out-of-distribution images", tables=[_ood_table(report["unknown"])])
    if report.get("steadiness"):
        found = report["steadiness"]
        head, *rows = steadiness_rows(found)
        text = f"{steadiness_sentence(found)} {thirds_sentence(found)}"
        yield Section("How far answers move", [text], tables=[Table(head, rows)])
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
    return Table(("diagnosis", "images", *_CLASS.values(), "coverage"), rows)


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
    rows = [
        (name, *(with_ci(found[when][key]) for when in ("before", "after")))
        for key, name in _CALIBRATION.items()
    ]
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


def _context(found: dict) -> Section:
    heads = list(next(iter(found["figures"].values())))
    rows = [(HEADLINES[k], *map(with_ci, row.values())) for k, row in found["figures"].items()]
    table = Table(("", *(head.replace("_", " ") for head in heads)), rows)
    return Section("Patient context", [context_sentence(found)], tables=[table])


def _ood_table(found: dict) -> Table:
    methods = list(found["false_alarm_rate"])
    alarms = ("false-positive rate", *(with_ci(found["false_alarm_rate"][m]) for m in methods))
    rows = [
        (
            kind,
            *(f"AUC {row[m]['auc']:.3f}, detected {row[m]['noticed']:.0%}" for m in methods),
            f"{found['either_notice'][kind]:.0%}",
        )
        for kind, row in found["kinds"].items()
    ]
    head = ("", *methods, "either notice: OOD, or not dermoscopic")
    return Table(head, [(*alarms, ""), *rows])


def _explanations(found: dict) -> Table:
    deletion = found["deletion"]
    rows = [
        (f"drop in probability: {k.replace('_', ' ')}", with_ci(deletion[k])) for k in _DELETION
    ]
    if found["on_lesion"]:
        rows += [
            (f"share on the lesion: {key.replace('_', ' ')}", with_ci(value))
            for key, value in found["on_lesion"].items()
            if key != "images"
        ]
    return Table(("", "mean"), rows)


def with_ci(figure: Interval) -> str:
    """Write a figure as ``0.712 (0.689-0.733)``, or a dash where it is not known.

    Where the low end is negative, "to" is between: a hyphen would pass for a minus.
    """
    if figure["value"] is None:
        return "-"
    value, low, high = (f"{figure[key]:.3f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})" if low.startswith("-") else f"{value} ({low}-{high})"


def text_table(rows: Sequence[Cells]) -> list[str]:
    """One line per row, its columns aligned to the left."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    ]


def markdown_table(head: Cells, rows: Sequence[Cells]) -> list[str]:
    """The lines of a Markdown table; an asterisk in a cell stays one."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("*", r"\*") for cell in line] for line in lines]
    return [f"| {' | '.join(line)} |" for line in cells]
