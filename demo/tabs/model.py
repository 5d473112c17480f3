"""Model: how good the network is, what it is and how it learned, as its bundle says."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from demo.charts import Points
from demo.formatting import in_sentence
from demo.inputs import label_of, styled_html
from demo.prediction import MELANOMA_CODE, missed_below, worth_of_context
from demo.services import Services
from demo.tabs.data import SUMMARY
from demo.templates import Templates
from demo.texts import Texts
from demo.texts.sections import ModelTexts
from model.data.formats import SOURCES
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.inference.bundle import Manifest

FEWEST_IMAGES = 50
"""Of a group, for its figures to be shown: as many as an evaluation asks of groups it compares."""

_HEADLINES = ("balanced_accuracy", "accuracy", "macro_auc", "melanoma_auc", "ece", "coverage")
_PER_CLASS = ("recall", "precision", "f1", "specificity", "auc", "coverage")
_PER_GROUP = ("balanced_accuracy", "macro_auc", "melanoma_auc")
_CURVES = ("loss", "balanced_accuracy")


@dataclass(frozen=True)
class Table:
    """Head and rows of texts."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    few: bool = False  # a group has too few images for figures


@dataclass(frozen=True)
class Missed:
    """Melanomas below the cut-off."""

    threshold: float
    table: Table


@dataclass(frozen=True)
class Context:
    """What patient context was worth."""

    changed: Mapping[str, float]  # share of images whose first answer it changes, with interval
    tables: Sequence[Table]


@dataclass(frozen=True)
class Curve:
    """A learning curve."""

    label: str
    series: Mapping[str, Points]
    x_range: tuple[float, float]  # epochs
    y_range: tuple[float, float]


def add_model(services: Services, templates: Templates) -> None:
    """Show how often melanoma is missed, all other figures, and what the network is."""
    styled_html(model_html(services.manifest, services.architecture, templates), elem_id="model")


def model_html(manifest: Manifest, architecture: bytes | None, templates: Templates) -> Markup:
    """Everything the tab shows, as far as the bundle has it."""
    texts, found = templates.texts, manifest.metrics.get("test")
    shown = {"found": None, "missed": None, "sources": [], "reconciled": "", "context": None}
    if found:
        shown = _measured(manifest, found, texts)
    return templates.render(
        "model",
        card=_card(manifest, texts),
        architecture=architecture,
        curves=[_curve(n, manifest.history, texts.model) for n in _CURVES if n in manifest.history],
        names=manifest.classes,
        worth=worth_of_context(manifest, texts),
        **shown,
    )


def _measured(manifest: Manifest, found: Mapping, texts: Texts) -> dict[str, object]:
    """What was found on the test set."""
    words, write = texts.model, texts.numbers.interval
    title, roc = _roc(found, words)
    return {
        "found": {"confusion": None} | found,
        "missed": _missed(manifest, found, texts),
        "sources": [words.sources[s] for s in found.get("per_source", {}) if s in words.sources],
        "reconciled": _reconciled(manifest.data, texts),
        "context": _context(found, texts),
        "overall": [[getattr(words, k), write(found[k])] for k in _HEADLINES if found.get(k)],
        "by_class": _by_class(found, manifest.classes, texts),
        "roc": roc,
        "roc_title": title,
        "reliability": [(r["confidence"], r["accuracy"]) for r in found.get("reliability", ())],
        "groups": _groups(found, texts),
        "fewest": FEWEST_IMAGES,
    }


def _missed(manifest: Manifest, found: Mapping, texts: Texts) -> Missed | None:
    """The share of melanomas below the cut-off, of each source as far as a bundle stored it."""
    words, write = texts.model, texts.numbers.percent_interval
    threshold, overall = missed_below(manifest)
    if threshold is None or overall is None:
        return None
    count = found["per_class"][MELANOMA_CODE]["support"]
    rows = [[words.all_sources, texts.count(count), write(overall)]]
    rows += [
        [source, texts.count(row["melanomas"]), write(row["missed"])]
        for source, row in found.get("missed_melanomas", {}).items()
    ]
    head = [words.source, words.melanomas, words.missed]
    return Missed(threshold, Table(head, rows, words.missed_by_source))


def _reconciled(data: Mapping, texts: Texts) -> str:
    """Why the network's images are fewer than the challenge's; empty of data of other tasks."""
    rows = json.loads(SUMMARY.read_text(encoding="utf-8"))["rows"]
    diagnoses = {code for code, count in data.get("diagnoses", {}).items() if count}
    sources = data.get("sources", {})
    own = sum(count for source, count in sources.items() if source in SOURCES)
    images, words = own or data.get("images", 0), texts.model
    if not diagnoses or not diagnoses <= {*DIAGNOSES, *COARSE_LABELS} or images >= rows:
        return ""
    text = words.reconciled.format(rows=texts.count(rows), images=texts.count(images))
    further = sum(sources.values()) - own if own else 0
    return f"{text} {words.further.format(images=texts.count(further))}" if further else text


def _context(found: Mapping, texts: Texts) -> Context | None:
    """What context was worth, over all and for whom."""
    stored, words = found.get("context"), texts.model
    if not stored:
        return None
    heads = [words.alone, words.with_context, words.difference]
    figures = [
        [getattr(words, name), *_compared(row, texts)] for name, row in stored["figures"].items()
    ]
    tables = [Table([words.figure, *heads], figures, words.all_images)]
    for key, groups in stored["groups"].items():
        rows = [
            [texts.word(name), texts.count(row["images"]), *_compared(row, texts)]
            for name, row in groups.items()
        ]
        caption = words.context_by_source
        if key != "source":
            caption = words.context_by_field.format(field=in_sentence(label_of(key, texts)))
        tables.append(Table([words.group, words.count, *heads], rows, caption))
    return Context(stored["changed"], tables)


def _compared(row: Mapping, texts: Texts) -> list[str]:
    write = texts.numbers.interval
    sides = write(row["alone"]), write(row["with_context"])
    return [*sides, write(row["difference"], signed=True)]


def _card(manifest: Manifest, texts: Texts) -> list[list[str]]:
    """What the network is."""
    words, data = texts.model, manifest.data
    write = texts.numbers.write
    scales = " / ".join(write(scale, "g") for scale in manifest.image.frame_scales)
    seen = words.sees_lesion.format(scales=scales) if scales else words.sees_whole
    pixels = words.pixels if manifest.tta_views > 1 else words.pixels_without_tta
    pixels = pixels.format(side=manifest.image.side, views=manifest.tta_views)
    facts = [
        [words.name, manifest.name],
        [words.use, manifest.intended_use],
        [words.classes, ", ".join(manifest.classes.values())],
        [words.input, f"{seen}; {pixels}"],
        [words.temperature, write(manifest.temperature, ".3f")],
        [words.licence, manifest.licence],
        [words.hash, manifest.network_sha256],
    ]
    if "images" in data:
        counts = {key: texts.count(data[key]) for key in ("images", "lesions")}
        facts.insert(3, [words.data, words.images.format(**counts)])
    return facts


def _curve(name: str, history: Mapping[str, Sequence[float]], words: ModelTexts) -> Curve:
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
    last = 1 + 4 * max(math.ceil((epochs - 1) / 4), 1)  # and at whole epochs
    return Curve(getattr(words, name), series, (1, last), (0, highest))


def _by_class(found: Mapping, names: Mapping[str, str], texts: Texts) -> Table:
    words = texts.model
    covered = found.get("coverage_by_class", {})
    rows = {code: row | {"coverage": covered.get(code)} for code, row in found["per_class"].items()}
    # Bundles that were measured before F1 was stored have none.
    shown = [key for key in _PER_CLASS if any(key in row for row in rows.values())]
    write = texts.numbers.interval
    cells = [
        [names[code], texts.count(row["support"]), *(write(row.get(key)) for key in shown)]
        for code, row in rows.items()
    ]
    head = [words.diagnosis, words.count, *(getattr(words, key) for key in shown)]
    return Table(head, cells, words.by_diagnosis)


def _roc(found: Mapping, words: ModelTexts) -> tuple[str, dict[str, Points]]:
    """Of every class, or of melanoma where a bundle stored no more; empty if it stored neither."""
    if "roc" in found:
        rates = found["roc"]["false_positive_rate"]
        return words.roc_by_class, {
            code: list(zip(rates, sensitivities, strict=True))
            for code, sensitivities in found["roc"]["sensitivity"].items()
        }
    curve = found.get("by_threshold", {}).get("melanoma")
    if curve is None:
        return words.roc, {}
    pairs = zip(curve["specificity"], curve["sensitivity"], strict=True)
    return words.roc, {words.network: [(1 - specificity, found) for specificity, found in pairs]}


def _groups(found: Mapping, texts: Texts) -> list[Table]:
    """One table per kind of subgroup that was measured."""
    words = texts.model
    captions = {words.by_source: found.get("per_source", {})}
    captions |= {
        words.by_field.format(field=in_sentence(label_of(key, texts))): groups
        for key, groups in found.get("subgroups", {}).items()
    }
    return [_group(caption, groups, texts) for caption, groups in captions.items() if groups]


def _group(caption: str, groups: Mapping[str, Mapping], texts: Texts) -> Table:
    words = texts.model
    shown = [key for key in _PER_GROUP if any(row.get(key) for row in groups.values())]
    few = {name for name, row in groups.items() if row["images"] < FEWEST_IMAGES}
    rows = [
        [
            texts.word(name),
            texts.count(row["images"]),
            *(texts.numbers.interval(None if name in few else row.get(key)) for key in shown),
        ]
        for name, row in groups.items()
    ]
    head = [words.group, words.count, *(getattr(words, key) for key in shown)]
    return Table(head, rows, caption, few=bool(few))
