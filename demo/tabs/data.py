"""Data: what the network's data held, and the tables of ISIC 2019.

The former is counted in the bundle, the latter in a file that travels with the page.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from demo.components import styled_html
from demo.services import Services
from demo.templates import Templates
from model.diagnosis import DIAGNOSIS_NAMES

SUMMARY = Path(__file__).parents[1] / "data" / "isic2019.json"
"""Written by ``python -m model explore --data DIR --out report`` as ``summary.json``."""


def add_data(services: Services, templates: Templates) -> None:
    """Show the figures; those of ISIC 2019 where the network's diagnoses are among its own."""
    data = services.manifest.data
    fits = set(_counted(data)) <= set(DIAGNOSIS_NAMES)
    summary = json.loads(SUMMARY.read_text(encoding="utf-8")) if fits else None
    styled_html(data_html(data, summary, templates), elem_id="data")


def data_html(data: Mapping, summary: Mapping | None, templates: Templates) -> Markup:
    """What the bundle says of its data, if anything, and what the tables of ISIC 2019 hold."""
    own = {DIAGNOSIS_NAMES.get(code, code): count for code, count in _counted(data).items()}
    shown = {"own": data, "own_counts": own, "isic2019": summary, "names": DIAGNOSIS_NAMES}
    if summary is not None:
        words = templates.texts.data
        shown |= {
            "diagnoses": {DIAGNOSIS_NAMES[code]: n for code, n in summary["diagnoses"].items()},
            "unknown": {words.fields[name]: n for name, n in summary["unknown"].items()},
            "shares": [
                (getattr(words, f"diagnosis_by_{name}"), *_share_rows(summary["shares"][name]))
                for name in ("age", "sex", "site")
            ],
        }
    return templates.render("data", **shown)


def _counted(data: Mapping) -> dict[str, int]:
    return {code: count for code, count in data.get("diagnoses", {}).items() if count}


def _share_rows(shares: Mapping[str, Mapping[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Class codes, and one row of whole percentages per group."""
    codes = list(next(iter(shares.values())))
    rows = [[name, *(f"{100 * row[code]:.0f}" for code in codes)] for name, row in shares.items()]
    return codes, rows
