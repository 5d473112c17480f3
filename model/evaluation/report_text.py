"""The short table that ``evaluate`` prints, and how a figure is written everywhere."""

from model.evaluation.intervals import Interval

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

NOTE = "* at the threshold that gave 90 % specificity on validation images"


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
        *(f"{name:<26} {written(report[key])}" for key, name in HEADLINES.items()),
        NOTE,
        "",
        _row("class", "images", "recall", "precision", "AUC"),
        *(
            _row(code, row["support"], *(written(row[k]) for k in ("recall", "precision", "auc")))
            for code, row in report["per_class"].items()
        ),
        "",
        _row("source", "images", "balanced accuracy", "macro AUC", "melanoma AUC"),
        *(
            _row(name, row["images"], *(written(row[key]) for key in _BY_SOURCE))
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


_BY_SOURCE = ("balanced_accuracy", "macro_auc", "melanoma_auc")


def _row(name: str, images: object, *figures: str) -> str:
    return f"{name:<8}{images:>8}  " + "  ".join(f"{figure:<21}" for figure in figures).rstrip()
