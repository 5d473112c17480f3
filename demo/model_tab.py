"""The tab Model: what the network is, how it learned and how good it is, as its bundle says."""

import math
from html import escape
from types import SimpleNamespace

from demo.charts import heat, lines
from demo.html import data_uri, table
from demo.inputs import label_of
from demo.present import code_key, in_sentence
from demo.services import Services
from demo.style import styled_html
from model.inference.bundle import Manifest

FEWEST_IMAGES = 50
"""Of a group, for its figures to be shown: as many as an evaluation asks of groups it compares."""

_HEADLINES = ("balanced_accuracy", "accuracy", "macro_auc", "melanoma_auc", "ece", "coverage")
_PER_CLASS = ("recall", "precision", "f1", "specificity", "auc", "coverage")
_PER_GROUP = ("balanced_accuracy", "macro_auc", "melanoma_auc")
_CURVES = ("loss", "balanced_accuracy")
_FIGURES = "plain figures"  # CSS classes


def add_model_tab(services: Services, texts: SimpleNamespace) -> None:
    """Show the card, the architecture, the learning curves and the figures."""
    manifest = services.manifest
    styled_html(
        card(manifest, texts)
        + architecture(services.architecture, texts)
        + curves(manifest.history, texts)
        + figures(manifest, texts),
        elem_id="model",
    )


def card(manifest: Manifest, texts: SimpleNamespace) -> str:
    """What the network is."""
    words, classes = texts.model, manifest.classes
    facts = [
        [words.name, manifest.name],
        [words.use, manifest.intended_use],
        [words.classes, ", ".join(classes.values())],
        [words.input, words.pixels.format(side=manifest.image.side, views=manifest.tta_views)],
        [words.temperature, f"{manifest.temperature:.3f}"],
        [words.licence, manifest.licence],
        [words.hash, manifest.network_sha256],
    ]
    if "images" in manifest.data:
        facts.insert(3, [words.data, words.images.format(**manifest.data)])
    return table([], facts, caption=words.card)


def architecture(picture: bytes | None, texts: SimpleNamespace) -> str:
    """The network's picture; nothing where the bundle has none."""
    if picture is None:
        return ""
    words = texts.model
    # As an image, in which a browser runs no script, whoever made the bundle.
    source = data_uri(picture, "image/svg+xml")
    return (
        f"<h2>{escape(words.architecture)}</h2>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(words.architecture)}">'
        f'<img class="architecture" src="{source}" alt="{escape(words.architecture_alt)}"></div>'
    )


def curves(history: dict[str, list[float]], texts: SimpleNamespace) -> str:
    """Learning curves, of loss and of balanced accuracy; nothing where the bundle has none."""
    drawn = "".join(_curve(name, history, texts) for name in _CURVES if name in history)
    if not drawn:
        return ""
    return f'<h2>{escape(texts.model.curves)}</h2><div class="pair">{drawn}</div>'


def _curve(name: str, history: dict[str, list[float]], texts: SimpleNamespace) -> str:
    words = texts.model
    parts = {words.training: name, words.validation: f"val_{name}"}
    series = {
        part: list(enumerate(history[column], start=1))
        for part, column in parts.items()
        if column in history
    }
    epochs = max(map(len, series.values()))
    highest = 1.0
    if name == "loss":
        worst = max(value for points in series.values() for _, value in points)
        highest = 0.4 * max(math.ceil(worst / 0.4), 1)  # marks at whole tenths
    drawn = lines(
        series,
        title=getattr(words, name),
        x_label=words.epoch,
        y_label=getattr(words, name),
        x_range=(1, 1 + 4 * max(math.ceil((epochs - 1) / 4), 1)),  # and at whole epochs
        y_range=(0, highest),
        y_unit=1,
    )
    return f"<figure>{drawn}</figure>"


def figures(manifest: Manifest, texts: SimpleNamespace) -> str:
    """Tables and charts of the test part, as far as the bundle has them."""
    words, found = texts.model, manifest.metrics.get("test")
    if not found:
        return f"<p>{escape(words.no_figures)}</p>"
    about = words.test_part.format(images=found["images"], lesions=found["lesions"])
    overall = [[getattr(words, key), interval(found[key])] for key in _HEADLINES if found.get(key)]
    classes = len(manifest.classes)
    meanings = words.meanings.format(guess=1 / classes, classes=classes)
    parts = [
        f"<h2>{escape(about)}</h2>",
        f'<p class="prose">{escape(words.brackets)} {escape(meanings)}</p>',
        table([], overall, caption=words.overall, kind=_FIGURES),
        _by_class(found, manifest.classes, texts),
        _charts(found, manifest, texts),
        _groups(words.by_source, found.get("per_source", {}), texts),
    ]
    for name, groups in found.get("subgroups", {}).items():
        caption = words.by_field.format(field=in_sentence(label_of(name, texts)))
        parts.append(_groups(caption, groups, texts))
    return "".join(parts)


def _by_class(found: dict, names: dict[str, str], texts: SimpleNamespace) -> str:
    words, covered = texts.model, found.get("coverage_by_class", {})
    rows = {code: row | {"coverage": covered.get(code)} for code, row in found["per_class"].items()}
    # Bundles that were measured before F1 was stored have none.
    shown = [key for key in _PER_CLASS if any(key in row for row in rows.values())]
    cells = [
        [names[code], f"{row['support']:,}", *(interval(row.get(key)) for key in shown)]
        for code, row in rows.items()
    ]
    head = [words.diagnosis, words.count, *(getattr(words, key) for key in shown)]
    return table(head, cells, caption=words.by_diagnosis, kind=_FIGURES)


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
    if "roc" in found:
        rates = found["roc"]["false_positive_rate"]
        series = {
            code: list(zip(rates, sensitivities, strict=True))
            for code, sensitivities in found["roc"]["sensitivity"].items()
        }
        labels = {"x_label": words.false_positives, "y_label": words.sensitivity}
        drawn = lines(series, title=words.roc_by_class, diagonal=True, **labels)
        parts.append(_figure(words.roc_by_class, drawn))
    elif "melanoma" in found.get("by_threshold", {}):
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
    if not groups:
        return ""
    words = texts.model
    shown = [key for key in _PER_GROUP if any(row.get(key) for row in groups.values())]
    few = {name for name, row in groups.items() if row["images"] < FEWEST_IMAGES}
    rows = [
        [
            name,
            f"{row['images']:,}",
            *(interval(None if name in few else row.get(key)) for key in shown),
        ]
        for name, row in groups.items()
    ]
    head = [words.group, words.count, *(getattr(words, key) for key in shown)]
    note = f'<p class="scope">{escape(words.few.format(fewest=FEWEST_IMAGES))}</p>' if few else ""
    return table(head, rows, caption=caption, kind=_FIGURES) + note


def _figure(caption: str, drawn: str) -> str:
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
