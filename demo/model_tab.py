"""The tab Model: what the network is, and how good it is, from the bundle's own figures."""

from html import escape
from types import SimpleNamespace

from demo.charts import heat, lines
from demo.html import table
from demo.present import code_key
from demo.services import Services
from demo.style import styled_html
from model.prediction.bundle import Manifest

FEWEST_IMAGES = 50
"""Of a group, for its figures to be shown: as many as an evaluation asks of groups it compares."""

_HEADLINES = ("balanced_accuracy", "accuracy", "macro_auc", "melanoma_auc", "ece", "coverage")
_PER_CLASS = ("recall", "precision", "specificity", "auc", "coverage")
_PER_GROUP = ("balanced_accuracy", "macro_auc", "melanoma_auc")
_FIGURES = "plain figures"  # CSS classes


def add_model_tab(services: Services, texts: SimpleNamespace) -> None:
    """Show the card and the figures."""
    styled_html(model_page(services.manifest, texts), elem_id="model")


def model_page(manifest: Manifest, texts: SimpleNamespace) -> str:
    """Everything the tab says."""
    words = texts.model
    facts = [
        [words.name, manifest.name],
        [words.use, manifest.intended_use],
        [words.data, words.images.format(**manifest.data)],
        [words.input, words.pixels.format(side=manifest.image.side, views=manifest.views)],
        [words.temperature, f"{manifest.temperature:.3f}"],
        [words.licence, manifest.licence],
        [words.hash, manifest.network_sha256],
    ]
    found = manifest.metrics.get("test")
    shown = figures(found, manifest, texts) if found else f"<p>{escape(words.no_figures)}</p>"
    return table([], facts, caption=words.card) + shown


def figures(found: dict, manifest: Manifest, texts: SimpleNamespace) -> str:
    """Tables and charts of the test part."""
    words = texts.model
    about = words.test_part.format(images=found["images"], lesions=found["lesions"])
    overall = [[getattr(words, key), interval(found[key])] for key in _HEADLINES]
    covered = found.get("coverage_by_class", {})
    rows = {code: row | {"coverage": covered.get(code)} for code, row in found["per_class"].items()}
    classes = [
        [manifest.classes[code], f"{row['support']:,}", *(interval(row[key]) for key in _PER_CLASS)]
        for code, row in rows.items()
    ]
    head = [words.diagnosis, words.count, *(getattr(words, key) for key in _PER_CLASS)]
    parts = [
        f"<h2>{escape(about)}</h2>",
        f'<p class="prose">{escape(words.brackets)} {escape(words.meanings)}</p>',
        table([], overall, caption=words.overall, kind=_FIGURES),
        table(head, classes, caption=words.by_diagnosis, kind=_FIGURES),
        _charts(found, manifest, texts),
        _groups(words.by_source, found["per_source"], texts),
    ]
    for name, groups in found.get("subgroups", {}).items():
        parts.append(_groups(getattr(words, f"by_{name}"), groups, texts))
    return "".join(parts)


def interval(figure: dict | None) -> str:
    """A figure with its interval; a dash where the data cannot give it."""
    if figure is None or figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _charts(found: dict, manifest: Manifest, texts: SimpleNamespace) -> str:
    words, parts = texts.model, []
    if "confusion" in found:
        matrix = found["confusion"]
        drawn = heat(matrix["counts"], matrix["classes"], title=words.confusion)
        parts.append(_figure(f"{words.confusion}. {code_key(manifest.classes)}", drawn))
    if "melanoma" in found.get("by_threshold", {}):
        curve = found["by_threshold"]["melanoma"]
        pairs = zip(curve["specificity"], curve["sensitivity"], strict=True)
        points = [(1 - specificity, sensitivity) for specificity, sensitivity in pairs]
        labels = {"x_label": words.false_positives, "y_label": words.sensitivity}
        drawn = lines({words.network: points}, title=words.roc, diagonal=True, **labels)
        parts.append(_figure(words.roc, drawn))
    if "reliability" in found:
        points = [(row["confidence"], row["accuracy"]) for row in found["reliability"]]
        labels = {"x_label": words.stated, "y_label": words.observed}
        drawn = lines({words.network: points}, title=words.reliability, diagonal=True, **labels)
        parts.append(_figure(words.reliability, drawn))
    return f'<div class="pair">{"".join(parts)}</div>'


def _groups(caption: str, groups: dict, texts: SimpleNamespace) -> str:
    words = texts.model
    few = {name for name, row in groups.items() if row["images"] < FEWEST_IMAGES}
    rows = [
        [
            name,
            f"{row['images']:,}",
            *(interval(None if name in few else row[key]) for key in _PER_GROUP),
        ]
        for name, row in groups.items()
    ]
    head = [words.group, words.count, *(getattr(words, key) for key in _PER_GROUP)]
    note = f'<p class="scope">{escape(words.few.format(fewest=FEWEST_IMAGES))}</p>' if few else ""
    return table(head, rows, caption=caption, kind=_FIGURES) + note


def _figure(caption: str, drawn: str) -> str:
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
