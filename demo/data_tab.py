"""The tab Data: what the network's data held, and the tables of ISIC 2019.

The former is counted in the bundle, the latter in a file that travels with the page.
"""

import json
from html import escape
from pathlib import Path
from types import SimpleNamespace

from demo.charts import bars
from demo.html import table
from demo.present import code_key
from demo.services import Services
from demo.style import styled_html
from model.diagnosis import DIAGNOSIS_NAMES

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
    words, age, names = texts.data, summary["age"], DIAGNOSIS_NAMES
    said = words.intro.format(rows=summary["rows"], lesions=summary["lesions"])
    ages = words.ages.format(mean=age["mean"], sd=age["sd"], known=age["known"])
    counts = {names[code]: count for code, count in summary["diagnoses"].items()}
    charts = [
        (words.diagnoses, counts),
        (words.sources, summary["sources"]),
        (words.unknown, {words.fields[field]: n for field, n in summary["unknown"].items()}),
        (words.by_age, summary["ages"]),
    ]
    drawn = "".join(_chart(caption, values) for caption, values in charts)
    shares = "".join(
        _shares(getattr(words, f"diagnosis_by_{name}"), summary["shares"][name], words.group)
        for name in ("age", "sex", "site")
    )
    return (
        f'<p class="prose">{escape(said)} {escape(ages)}</p><div class="pair">{drawn}</div>'
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
