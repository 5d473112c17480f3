"""The short table that ``evaluate`` prints, and how a figure is written everywhere."""

from model.evaluation.intervals import Interval
from model.inference.calibration import MALIGNANT, point_name

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

_SCREENING = point_name("sensitivity", 0.90)

NOTE = "* at the threshold that gave 90 % specificity on validation images"


def headlines_in(figures: dict) -> dict[str, str]:
    """The headlines that there are: those of melanoma need a class of that code."""
    return {key: name for key, name in HEADLINES.items() if key in figures}


def has_note(figures: dict) -> bool:
    """Whether a headline bears the star of ``NOTE``."""
    return any("*" in name for name in headlines_in(figures).values())


def written(figure: Interval) -> str:
    """Write a figure as ``0.712 (0.689-0.733)``, or a dash where it is not known."""
    if figure["value"] is None:
        return "-"
    return "{value:.3f} ({low:.3f}-{high:.3f})".format(**figure)


def report_text(report: dict) -> str:
    """Write headlines, classes and sources as plain text."""
    about = report["about"]
    lines = [
        f"{about['name']}, {about['part']} part: {about['images']} images of "
        f"{about['lesions']} lesions; 95 % intervals by lesion",
        "",
        *(f"{name:<26} {written(report[key])}" for key, name in headlines_in(report).items()),
        *([NOTE] if has_note(report) else []),
        "",
        *_malignant_lines(report["operating_points"]),
        _row("class", "images", "recall", "precision", "AUC"),
        *(
            _row(code, row["support"], *(written(row[k]) for k in ("recall", "precision", "auc")))
            for code, row in report["per_class"].items()
        ),
        "",
        _row("source", "images", *(name for key, name in _BY_SOURCE.items() if key in report)),
        *(
            _row(name, row["images"], *(written(row[key]) for key in _BY_SOURCE if key in report))
            for name, row in report["per_source"].items()
        ),
        "",
        gap_sentence(report["subgroups"]["largest_gap"]),
    ]
    return "\n".join(lines)


def gap_sentence(gap: dict | None) -> str:
    """Say in one sentence which two groups differ most."""
    if gap is None:
        return "No two groups are large enough to be compared."
    return (
        "Largest gap between two groups, mean recall over their shared classes: "
        f"{gap['dimension']} {gap['better']} above {gap['worse']} by {written(gap['difference'])}."
    )


_BY_SOURCE = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "melanoma_auc": "melanoma AUC",
}


def _malignant_lines(points: dict) -> list[str]:
    """Malignant against benign at the threshold for 90 % sensitivity; none without it."""
    found = points.get(MALIGNANT, {}).get(_SCREENING)
    if not found:
        return []
    sides = ", ".join(f"{side} {written(found[side])}" for side in ("sensitivity", "specificity"))
    return [f"malignant or not, threshold for 90 % sensitivity on validation images: {sides}", ""]


def _row(name: str, images: object, *figures: str) -> str:
    return f"{name:<14}{images:>8}  " + "  ".join(f"{figure:<21}" for figure in figures).rstrip()
