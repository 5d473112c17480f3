"""Data: what the network's data holds, from its bundle, and ISIC 2019, from a file of the page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from markupsafe import Markup

from demo.formatting import in_sentence
from demo.inputs import label_of, styled_html
from demo.services import Services
from demo.templates import Templates
from demo.texts import Texts
from model.diagnosis import COARSE_LABELS, DIAGNOSIS_NAMES
from model.patient import FIELDS

SUMMARY = Path(__file__).parents[1] / "data" / "isic2019.json"
"""Written by ``python -m model explore --data DIR --out report`` as ``summary.json``."""

T = TypeVar("T")


def add_data(services: Services, templates: Templates) -> None:
    """Show the figures; those of ISIC 2019 where the network's diagnoses are among its own."""
    data = services.manifest.data
    fits = set(_counted(data)) <= {*DIAGNOSIS_NAMES, *COARSE_LABELS}
    summary = json.loads(SUMMARY.read_text(encoding="utf-8")) if fits else None
    styled_html(data_html(data, summary, templates), elem_id="data")


def data_html(data: Mapping, summary: Mapping | None, templates: Templates) -> Markup:
    """What the bundle says of its data, if anything, and what the tables of ISIC 2019 hold."""
    texts = templates.texts
    names = {code: texts.word(name) for code, name in DIAGNOSIS_NAMES.items()}
    own = {names.get(code, code): count for code, count in _counted(data).items()}
    isic2019 = None if summary is None else _isic2019(summary, names, texts)
    return templates.render("data", own=data, own_counts=own, isic2019=isic2019, names=names)


def _isic2019(summary: Mapping, names: Mapping[str, str], texts: Texts) -> dict:
    """What the tables hold, under the fields' names."""
    words, numbers = texts.data, summary["numbers"]
    counted = [field for field in FIELDS if field.key in summary["groups"]]
    called = {field.key: in_sentence(label_of(field.key, texts)) for field in counted}
    unknown = called | {"lesion": words.lesion}
    return {
        "rows": summary["rows"],
        "lesions": summary["lesions"],
        "means": [
            words.mean.format(
                field=called[field.key],
                unit=texts.word(field.unit),
                **_mean(numbers[field.key], texts),
            )
            for field in counted
            if field.key in numbers
        ],
        "charts": {
            words.diagnoses: {names[c]: n for c, n in summary["diagnoses"].items()},
            words.sources: summary["sources"],
            words.unknown: {unknown[key]: n for key, n in summary["unknown"].items()},
        }
        | {
            words.by_field.format(field=called[key]): _grouped(summary["groups"][key], texts)
            for key in called
        },
        "shares": {
            words.diagnosis_by_field.format(field=name): _share_table(summary["shares"][key], texts)
            for key, name in called.items()
        },
    }


def _mean(numbers: Mapping[str, float], texts: Texts) -> dict[str, object]:
    means = {key: texts.numbers.write(numbers[key]) for key in ("mean", "sd")}
    return {**means, "known": texts.count(numbers["known"])}


def _counted(data: Mapping) -> dict[str, int]:
    return {code: count for code, count in data.get("diagnoses", {}).items() if count}


def _share_table(
    shares: Mapping[str, Mapping[str, float]], texts: Texts
) -> tuple[list[str], list[list[str]]]:
    """Head, and one row of whole percentages per group."""
    codes = list(next(iter(shares.values())))
    rows = [
        [name, *(f"{100 * row[code]:.0f}" for code in codes)]
        for name, row in _grouped(shares, texts).items()
    ]
    return [texts.data.group, *codes], rows


def _grouped(groups: Mapping[str, T], texts: Texts) -> dict[str, T]:
    """What is known of each group, under the page's word for it, as "under 30  (n = 1,749)"."""
    named = {tuple(name.partition("  ")): value for name, value in groups.items()}
    return {
        f"{texts.word(word)}{gap}{count.replace(',', texts.language.thousands)}": value
        for (word, gap, count), value in named.items()
    }
