"""The tab Data: what the tables of ISIC 2019 hold, from counts that travel with the page."""

import json
from html import escape
from pathlib import Path
from types import SimpleNamespace

from demo.charts import bars
from demo.html import table
from demo.present import code_key
from demo.services import Services
from demo.style import styled_html

SUMMARY = Path(__file__).parent / "data" / "isic2019.json"
"""Written by ``python -m model explore --data DIR --out report`` as ``summary.json``."""

_LABELS = 190  # of a chart's 520; the longest name, in the larger letters of a phone


def add_data_tab(services: Services, texts: SimpleNamespace) -> None:
    """Show the figures."""
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    page = data_page(summary, services.manifest.classes, texts)
    styled_html(page, elem_id="data")


def data_page(summary: dict, names: dict[str, str], texts: SimpleNamespace) -> str:
    """Everything the tab says."""
    words, age = texts.data, summary["age"]
    said = words.intro.format(rows=summary["rows"], lesions=summary["lesions"])
    ages = words.ages.format(mean=age["mean"], sd=age["sd"], known=age["known"])
    counts = {names[code]: count for code, count in summary["diagnoses"].items()}
    charts = [
        (words.diagnoses, counts),
        (words.sources, summary["sources"]),
        (words.unknown, {words.fields[field]: n for field, n in summary["unknown"].items()}),
        (words.by_age, summary["ages"]),
    ]
    drawn = "".join(
        f"<figure><h2>{escape(caption)}</h2>"
        + bars(
            values,
            title=caption,
            most=max(values.values()),
            decimals=0,
            unit="",
            label_width=_LABELS,
        )
        + "</figure>"
        for caption, values in charts
    )
    shares = "".join(
        _shares(getattr(words, f"diagnosis_by_{name}"), summary["shares"][name], words.group)
        for name in ("age", "sex", "site")
    )
    return (
        f'<p class="prose">{escape(said)} {escape(ages)}</p><div class="pair">{drawn}</div>'
        f'<p class="scope">{escape(code_key(names))}</p>{shares}'
        f'<p class="prose">{escape(words.origin)}</p>'
    )


def _shares(caption: str, rows: dict[str, dict[str, float]], group: str) -> str:
    codes = list(next(iter(rows.values())))
    cells = [[name, *(f"{100 * row[code]:.0f}" for code in codes)] for name, row in rows.items()]
    return table([group, *codes], cells, caption=caption)
