"""The tab Data: what the network's data held, and the tables of ISIC 2019.

The former is counted in the bundle, the latter in a file that travels with the page.
"""

import json
from html import escape
from pathlib import Path
from types import SimpleNamespace

from demo.charts import bars
from demo.html import table
from demo.inputs import label_of
from demo.present import code_key, in_sentence
from demo.services import Services
from demo.style import styled_html
from model.diagnosis import DIAGNOSIS_NAMES
from model.patient import FIELDS

SUMMARY = Path(__file__).parent / "data" / "isic2019.json"
"""Written by ``python -m model explore --data DIR --out report`` as ``summary.json``."""

_LABELS = 190  # of a chart's 520; the longest name, in the larger letters of a phone


def add_data_tab(services: Services, texts: SimpleNamespace) -> None:
    """Show the figures; those of ISIC 2019 where the network's diagnoses are among its own."""
    data = services.manifest.data
    page = own_data(data, texts)
    if set(_counted(data)) <= set(DIAGNOSIS_NAMES):
        page += isic_data(json.loads(SUMMARY.read_text(encoding="utf-8")), texts)
    styled_html(page, elem_id="data")


def own_data(data: dict, texts: SimpleNamespace) -> str:
    """What the bundle says of its data; nothing if it says nothing."""
    counts = _counted(data)
    if not counts:
        return ""
    words = texts.data
    said = words.own_intro.format(**data)
    named = {DIAGNOSIS_NAMES.get(code, code): count for code, count in counts.items()}
    return f'<p class="prose">{escape(said)}</p><div class="pair">{_chart(words.own, named)}</div>'


def _counted(data: dict) -> dict[str, int]:
    return {code: count for code, count in data.get("diagnoses", {}).items() if count}


def isic_data(summary: dict, texts: SimpleNamespace) -> str:
    """What the tables of ISIC 2019 hold."""
    words, names = texts.data, DIAGNOSIS_NAMES
    counted = [field for field in FIELDS if field.key in summary["groups"]]
    called = {field.key: in_sentence(label_of(field.key, texts)) for field in counted}
    said = [words.intro.format(rows=summary["rows"], lesions=summary["lesions"])]
    said += [
        words.mean.format(field=called[field.key], unit=field.unit, **summary["numbers"][field.key])
        for field in counted
        if field.key in summary["numbers"]
    ]
    unknown = {(called | {"lesion": words.lesion})[key]: n for key, n in summary["unknown"].items()}
    charts = {
        words.diagnoses: {names[code]: count for code, count in summary["diagnoses"].items()},
        words.sources: summary["sources"],
        words.unknown: unknown,
    }
    charts |= {words.by_field.format(field=called[key]): summary["groups"][key] for key in called}
    drawn = "".join(_chart(caption, values) for caption, values in charts.items())
    shares = "".join(
        _shares(words.diagnosis_by_field.format(field=name), summary["shares"][key], words.group)
        for key, name in called.items()
    )
    return (
        f'<p class="prose">{escape(" ".join(said))}</p><div class="pair">{drawn}</div>'
        f'<p class="scope">{escape(code_key(names))}</p>{shares}'
        f'<p class="prose">{escape(words.origin)}</p>'
    )


def _chart(caption: str, values: dict[str, float]) -> str:
    shape = {"most": max(values.values()), "decimals": 0, "unit": "", "label_width": _LABELS}
    drawn = bars(values, title=caption, **shape)
    return f"<figure><h2>{escape(caption)}</h2>{drawn}</figure>"


def _shares(caption: str, rows: dict[str, dict[str, float]], group: str) -> str:
    codes = list(next(iter(rows.values())))
    cells = [[name, *(f"{100 * row[code]:.0f}" for code in codes)] for name, row in rows.items()]
    return table([group, *codes], cells, caption=caption)
