"""Tabs that show the bundle's and the data's own figures."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from demo.charts import bars, heat, lines, people
from demo.formatting import ENGLISH
from demo.tabs.classroom import threshold_html
from demo.tabs.data import SUMMARY, data_html
from demo.tabs.model import FEWEST_IMAGES, model_html
from demo.templates import Templates
from demo.texts import load_texts
from model.evaluation.card import compact
from model.evaluation.context_worth import context_worth
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.subgroups import FEWEST_IMAGES as FEWEST_COMPARED
from model.evaluation.subgroups import group_names
from model.image import ImagePreprocessor
from model.inference.bundle import RELEASED, read_manifest
from tests.fakes.outcomes import DRAWS, LABELS, noisy, table
from tests.fakes.outcomes import manifest as manifest_of

TEMPLATES = Templates(load_texts())
WORDS = TEMPLATES.texts.model


def page_of(manifest, architecture=None):
    return model_html(manifest, architecture, TEMPLATES)


@pytest.fixture(scope="module")
def manifest():
    return read_manifest(RELEASED)


@pytest.fixture(scope="module")
def measured():
    """A bundle with the figures that an evaluation of made-up answers stored."""
    bare = manifest_of(noisy(), LABELS)
    outcome = outcome_of(table(), noisy(), bare, draws=DRAWS)
    report = evaluate(outcome) | {"about": describe(outcome, bundle=Path("b"), part="test")}
    report["context"] = context_worth(outcome, noisy(2), group_names(outcome.table))
    facts = {"images": 400, "lesions": 200}
    return replace(bare, metrics={"test": compact(report)}, data=facts)


def test_the_model_tab_shows_the_bundles_own_figures(manifest):
    found = manifest.metrics["test"]
    assert f"{found['balanced_accuracy']['value']:.3f}" in page_of(manifest)
    assert manifest.network_sha256 in page_of(manifest)


def test_the_model_tab_says_what_of_the_photograph_the_network_sees(manifest):
    whole = replace(manifest, image=ImagePreprocessor(64))
    assert "<td>The whole photograph; 64 × 64 pixels; test-time" in page_of(whole)
    framed = replace(manifest, image=ImagePreprocessor(64, frame_scales=(1.25, 2.0)))
    assert "<td>A square around the lesion, 1.25 / 2 × its longer side; 64 ×" in page_of(framed)


def test_the_model_tab_begins_with_how_often_melanoma_is_missed_by_source(measured):
    page = page_of(measured)
    assert page.lstrip().startswith(f"<h2>{WORDS.missed_title}</h2>")
    table = page.split("</table>")[0]
    rows = measured.metrics["test"]["missed_melanomas"]
    assert set(rows) == {"BCN", "HAM"}
    for source, row in rows.items():
        missed = ENGLISH.percent_interval(row["missed"])
        assert f'<th scope="row">{source}</th><td>{row["melanomas"]}</td><td>{missed}</td>' in table


def test_without_figures_by_source_the_model_tab_says_what_is_missed_in_all(manifest):
    found = {k: v for k, v in manifest.metrics["test"].items() if k != "missed_melanomas"}
    table = page_of(replace(manifest, metrics={"test": found})).split("</table>")[0]
    at_cut_off = found["operating_points"]["melanoma"]["at_90_sensitivity"]
    assert f"<td>{100 * (1 - at_cut_off['sensitivity']['value']):.0f} % (" in table
    assert table.count("<tr>") == 2


def test_sources_are_explained_with_links_and_the_images_are_reconciled(manifest):
    page = page_of(manifest)
    assert 'href="https://doi.org/10.1038/sdata.2018.161"' in page
    images = manifest.data["images"]
    said = WORDS.reconciled.format(rows="25,331", images=f"{images:,}")
    assert (said in page) is (images < 25_331)
    assert said not in page_of(replace(manifest, data=manifest.data | {"images": 25_331}))
    assert WORDS.sources["MSK"][:20] not in page_of(replace(manifest, metrics={}))


def test_images_of_further_collections_are_not_counted_as_the_challenges(manifest):
    sources = {"BCN": 10, "HAM": 7, "milk10k": 5}
    data = {"images": 22, "lesions": 22, "diagnoses": {"MEL": 20, "BENIGN": 2}, "sources": sources}
    page = page_of(replace(manifest, data=data))
    assert WORDS.reconciled.format(rows="25,331", images="17") in page
    assert WORDS.further.format(images="5") in page


def test_the_model_tab_says_what_context_was_worth_and_for_whom(measured):
    page = page_of(measured)
    found = measured.metrics["test"]["context"]
    difference = found["figures"]["balanced_accuracy"]["difference"]
    assert f"<td>{ENGLISH.interval(difference, signed=True)}</td>" in page
    assert "<caption>Balanced accuracy by sex</caption>" in page
    assert "the new one was right in" in page
    metrics = {"test": {k: v for k, v in measured.metrics["test"].items() if k != "context"}}
    assert WORDS.context_title not in page_of(replace(measured, metrics=metrics))


def test_the_confusion_matrix_has_a_scale_of_its_colours(measured):
    chart = page_of(measured).split(f'aria-label="{WORDS.confusion}">')[-1].split("</svg>")[0]
    assert f">{WORDS.row_share}</text>" in chart
    for end in ("0 %", "100 %"):
        assert f">{end}</text>" in chart


def test_the_model_tab_draws_what_an_evaluation_stored(measured):
    page = page_of(measured)
    for caption in (WORDS.confusion, WORDS.roc_by_class, WORDS.reliability):
        assert f'aria-label="{caption}"' in page
    assert page.count("<svg") == 3
    for caption in (WORDS.by_source, "By age", "By sex", "By anatomical site"):
        assert f"<caption>{caption}</caption>" in page


def test_beside_each_diagnosis_stands_how_often_the_lists_held_it(manifest):
    found = manifest.metrics["test"]
    held = {"coverage_by_class": {"DF": {"value": 0.7241, "low": 0.4615, "high": 0.9584}}}
    page = page_of(replace(manifest, metrics={"test": found | held}))
    rows = {row.split("</th>")[0]: row for row in page.split('<th scope="row">')}
    assert rows["Dermatofibroma"].split("</tr>")[0].endswith("<td>0.724 (0.462–0.958)</td>")
    assert rows["Melanoma"].split("</tr>")[0].endswith("<td>–</td>")  # which is not stored


def test_groups_of_few_images_get_no_figures(manifest):
    certain = {"value": 1.0, "low": 1.0, "high": 1.0}
    row = dict.fromkeys(("balanced_accuracy", "macro_auc", "melanoma_auc"), certain)
    groups = {"few": {"images": 49, **row}, "more": {"images": 50, **row}}
    metrics = {"test": manifest.metrics["test"] | {"subgroups": {"site": groups}}}
    page = page_of(replace(manifest, metrics=metrics))
    table = page[page.index("<caption>By anatomical site</caption>") :]
    assert table.count("1.000 (1.000–1.000)") == table.count("<td>–</td>") == 3
    assert table.index("<td>–</td>") < table.index("1.000 (")
    assert page.count("fewer than 50 images") == 1  # under the one table that has such a group
    assert FEWEST_IMAGES == FEWEST_COMPARED


def test_a_bundle_without_figures_says_so(manifest):
    assert WORDS.no_figures in page_of(replace(manifest, metrics={}))


def test_every_class_has_its_f1_and_its_roc_curve(measured):
    page = page_of(measured)
    f1 = measured.metrics["test"]["per_class"]["MEL"]["f1"]["value"]
    assert f"<td>{f1:.3f} (" in page
    roc = page[page.index(f'aria-label="{WORDS.roc_by_class}"') :].split("</svg>")[0]
    assert roc.count('class="line"') == 2 * 8  # curves and their signs in the legend
    assert ">SCC</text>" in roc


def test_figures_that_a_task_without_melanoma_lacks_are_left_out(manifest):
    def without(row):
        return {key: value for key, value in row.items() if key != "melanoma_auc"}

    found = without(manifest.metrics["test"])
    found |= {"by_threshold": {}, "subgroups": {}, "context": None}
    found["per_source"] = {name: without(row) for name, row in found["per_source"].items()}
    page = page_of(replace(manifest, metrics={"test": found}))
    assert "macro AUC" in page
    assert "elanoma AUC" not in page
    assert WORDS.roc not in page


def test_learning_curves_and_the_architecture_are_shown_where_the_bundle_has_them(manifest):
    bare = replace(manifest, metrics={}, history={})
    history = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "balanced_accuracy": [0.2, 0.4]}
    page = page_of(replace(bare, history=history))
    assert page.count("<svg") == 2
    assert ">2.8</text>" in page  # an axis of whole tenths for a loss of up to 2.5
    assert 'src="data:image/svg+xml;base64,' in page_of(bare, b"<svg/>")
    assert "onload" not in page_of(bare, b"<svg onload='x()'/>")
    assert not re.search("<svg|<img|<h2", page_of(bare))


def test_a_training_of_one_epoch_is_a_dot_in_its_learning_curves(manifest):
    page = page_of(replace(manifest, metrics={}, history={"loss": [2.0], "val_loss": [2.5]}))
    first, second = re.search(r'class="line" points="(\S+) (\S+)"', page).groups()
    assert first == second


def test_the_data_tab_counts_all_rows_of_the_official_tables():
    summary = json.loads(SUMMARY.read_text())
    page = data_html({}, summary, TEMPLATES)
    assert "25,331 images of 13,931 lesions" in page
    assert "mean age is 54.0 years (SD 18.1)" in page
    for groups in (summary["diagnoses"], *summary["groups"].values()):
        assert sum(groups.values()) == 25331


@pytest.mark.slow
def test_the_counts_are_those_of_the_official_tables(shared_data):
    from model.data.dataset import read_tables
    from model.explore.summary import summarize_tables

    found = summarize_tables(read_tables(shared_data))
    assert json.loads(json.dumps(found)) == json.loads(SUMMARY.read_text())


def test_a_threshold_is_told_in_people():
    stored = {"threshold": [0.2], "sensitivity": [0.9], "specificity": [0.8]}
    page = threshold_html(stored, 20, 2, condition="melanoma", templates=TEMPLATES)
    assert "Of 1,000 patients, 214 are referred, of whom 18 have melanoma" in page
    assert page.count("<circle") == 1000


def drawn(template, **values):
    """The charts that a template draws."""
    return re.findall(r"<svg.*?</svg>", TEMPLATES.render(template, **values), re.DOTALL)


def test_bars_say_their_values_to_those_who_cannot_see_them():
    chart = bars({"age": 3.21, "sex": -0.04}, title="Change", most=5, signed=True, unit=" pp")
    assert chart.title == "Change: age +3.2 pp; sex 0.0 pp"  # zero has no sign
    (shown,) = drawn("quiz_alone", values={"a": 12.0}, guess="a")
    assert shown.count("12.0 %") == 2


def test_long_labels_wrap_and_are_never_cut():
    names = ["Базальноклеточная карцинома", "полость рта/гениталии", "нет"]
    chart = bars(dict.fromkeys(names, 1.0), title="t", most=1.0, label_width=150)
    labels = [shape for shape in chart.shapes if shape.attributes.get("text-anchor") == "end"]
    assert " ".join(label.text for label in labels) == " ".join(names).replace("/", "/ ")
    lines_at = [float(label.attributes["y"]) for label in labels]
    assert min(b - a for a, b in pairwise(lines_at)) >= 15
    assert chart.height > lines_at[-1]
    room = float(labels[0].attributes["x"])
    assert all(9 * len(label.text) <= room for label in labels)


def test_long_codes_stand_upright_beside_a_matrix_that_stays_readable():
    long = heat([[1, 0], [0, 1]], ["junctional_nevus", "c"], title="t", scale="s")
    texts = [shape.text for shape in long.shapes]
    assert texts.count("junctional_nevus") == 2
    assert 17 * long.least / long.width >= 11.9  # letters on a phone


def test_charts_name_themselves_and_escape_what_they_are_given():
    charts = [
        lines({"<b>": [(0, 0), (1, 1)]}, title="<i>", x_label="x", y_label="y"),
        bars({"<b>": 1.0}, title="<i>", most=1.0),
        heat([[1, 0], [0, 1]], ["<b>", "c"], title="<i>", scale="<u>"),
        people({"<b>": (3, '"><b>')}, title="<i>"),
    ]
    for chart in charts:
        shown = TEMPLATES.render("chart", chart=chart)
        assert 'aria-label="&lt;i&gt;' in shown
        assert "<b>" not in shown
