"""How figures, tables and the headline figures of a report are written for readers."""

from collections.abc import Sequence

from model.evaluation.intervals import Interval
from model.inference.calibration import MALIGNANT, point_name

Cells = Sequence[object]


def with_ci(figure: Interval) -> str:
    """Write a figure as ``0.712 (0.689-0.733)``, or a dash where it is not known."""
    if figure["value"] is None:
        return "-"
    return "{value:.3f} ({low:.3f}-{high:.3f})".format(**figure)


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
    ]
    return "\n".join(lines)


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
