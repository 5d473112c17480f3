"""Tabs that show the bundle's and the data's own figures."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from demo.charts import bars, heat, lines, people
from demo.data_tab import SUMMARY, isic_data
from demo.model_tab import FEWEST_IMAGES, architecture, card, curves, figures
from demo.texts import load_texts
from demo.threshold_tab import patients
from model.evaluation.evaluate import describe, evaluate, judge
from model.evaluation.stored_metrics import compact
from model.evaluation.subgroups import FEWEST_IMAGES as FEWEST_COMPARED
from model.prediction.bundle import RELEASED, read_manifest
from tests.test_model_evaluate import DRAWS, LABELS, noisy, table
from tests.test_model_evaluate import manifest as manifest_of

TEXTS = load_texts()


@pytest.fixture(scope="module")
def manifest():
    return read_manifest(RELEASED)


@pytest.fixture(scope="module")
def measured():
    """A bundle with the figures that an evaluation of made-up answers stored."""
    bare = manifest_of(noisy(), LABELS)
    outcome = judge(table(), noisy(), bare, draws=DRAWS)
    report = evaluate(outcome) | {"about": describe(outcome, bundle=Path("b"), part="test")}
    facts = {"images": 400, "lesions": 200}
    return replace(bare, metrics={"test": compact(report)}, data=facts)


def test_the_model_tab_shows_the_bundles_own_figures(manifest):
    found = manifest.metrics["test"]
    assert f"{found['balanced_accuracy']['value']:.3f}" in figures(manifest, TEXTS)
    assert manifest.network_sha256 in card(manifest, TEXTS)


def test_the_model_tab_draws_what_an_evaluation_stored(measured):
    page = figures(measured, TEXTS)
    for caption in (TEXTS.model.confusion, TEXTS.model.roc_by_class, TEXTS.model.reliability):
        assert f'aria-label="{caption}"' in page
    assert page.count("<svg") == 3
    for caption in (TEXTS.model.by_source, TEXTS.model.by_age, TEXTS.model.by_sex):
        assert f"<caption>{caption}</caption>" in page


def test_beside_each_diagnosis_stands_how_often_the_lists_held_it(manifest):
    found = manifest.metrics["test"]
    held = {"coverage_by_class": {"DF": {"value": 0.7241, "low": 0.4615, "high": 0.9584}}}
    page = figures(replace(manifest, metrics={"test": found | held}), TEXTS)
    rows = {row.split("</th>")[0]: row for row in page.split('<th scope="row">')}
    assert rows["Dermatofibroma"].split("</tr>")[0].endswith("<td>0.724 (0.462–0.958)</td>")
    assert rows["Melanoma"].split("</tr>")[0].endswith("<td>–</td>")  # which is not stored


def test_groups_of_few_images_get_no_figures(manifest):
    certain = {"value": 1.0, "low": 1.0, "high": 1.0}
    row = dict.fromkeys(("balanced_accuracy", "macro_auc", "melanoma_auc"), certain)
    groups = {"few": {"images": 49, **row}, "more": {"images": 50, **row}}
    metrics = {"test": manifest.metrics["test"] | {"subgroups": {"site": groups}}}
    page = figures(replace(manifest, metrics=metrics), TEXTS)
    table = page[page.index(f"<caption>{TEXTS.model.by_site}</caption>") :]
    assert table.count("1.000 (1.000–1.000)") == table.count("<td>–</td>") == 3
    assert table.index("<td>–</td>") < table.index("1.000 (")
    assert page.count("fewer than 50 images") == 1  # under the one table that has such a group
    assert FEWEST_IMAGES == FEWEST_COMPARED


def test_a_bundle_without_figures_says_so(manifest):
    assert TEXTS.model.no_figures in figures(replace(manifest, metrics={}), TEXTS)


def test_every_class_has_its_f1_and_its_roc_curve(measured):
    page = figures(measured, TEXTS)
    f1 = measured.metrics["test"]["per_class"]["MEL"]["f1"]["value"]
    assert f"<td>{f1:.3f} (" in page
    drawn = page[page.index(f'aria-label="{TEXTS.model.roc_by_class}"') :].split("</svg>")[0]
    assert drawn.count('class="line"') == 2 * 8  # curves and their signs in the legend
    assert ">SCC</text>" in drawn


def test_figures_that_a_task_without_melanoma_lacks_are_left_out(manifest):
    def without(row):
        return {key: value for key, value in row.items() if key != "melanoma_auc"}

    found = without(manifest.metrics["test"])
    found |= {"by_threshold": {}, "subgroups": {}}
    found["per_source"] = {name: without(row) for name, row in found["per_source"].items()}
    page = figures(replace(manifest, metrics={"test": found}), TEXTS)
    assert "macro AUC" in page
    assert "elanoma AUC" not in page
    assert TEXTS.model.roc not in page


def test_learning_curves_and_the_architecture_are_shown_where_the_bundle_has_them():
    history = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "balanced_accuracy": [0.2, 0.4]}
    page = curves(history, TEXTS)
    assert page.count("<svg") == 2
    assert ">2.8</text>" in page  # an axis of whole tenths for a loss of up to 2.5
    assert 'src="data:image/svg+xml;base64,' in architecture(b"<svg/>", TEXTS)
    assert "onload" not in architecture(b"<svg onload='x()'/>", TEXTS)
    assert curves({}, TEXTS) == architecture(None, TEXTS) == ""


def test_a_training_of_one_epoch_is_a_dot_in_its_learning_curves():
    page = curves({"loss": [2.0], "val_loss": [2.5]}, TEXTS)
    first, second = re.search(r'class="line" points="(\S+) (\S+)"', page).groups()
    assert first == second


def test_the_data_tab_counts_all_rows_of_the_official_tables():
    summary = json.loads(SUMMARY.read_text())
    page = isic_data(summary, TEXTS)
    assert "25,331 images of 13,931 lesions" in page
    assert "mean age is 54.0 years (sd 18.1)" in page
    assert sum(summary["ages"].values()) == sum(summary["diagnoses"].values()) == 25331


def test_the_counts_are_those_of_the_official_tables(shared_data):
    from model.data.dataset import read_tables
    from model.explore.summary import summarize_tables

    found = summarize_tables(read_tables(shared_data))
    assert json.loads(json.dumps(found)) == json.loads(SUMMARY.read_text())


def test_a_threshold_is_told_in_people():
    stored = {"threshold": [0.2], "sensitivity": [0.9], "specificity": [0.8]}
    page = patients(stored, 20, 2, condition="melanoma", texts=TEXTS)
    assert "Of 1,000 patients 214 are called, of whom 18 have melanoma" in page
    assert page.count("<circle") == 1000


def test_bars_say_their_values_to_those_who_cannot_see_them():
    drawn = bars({"age": 3.21, "sex": -0.04}, title="Change", most=5, signed=True, unit=" pp")
    assert 'aria-label="Change: age +3.2 pp; sex 0.0 pp"' in drawn  # zero has no sign
    assert bars({"a": 12.0}, title="Of", most=20).count("12.0 %") == 2


def test_charts_name_themselves_and_escape_what_they_are_given():
    drawn = [
        lines({"<b>": [(0, 0), (1, 1)]}, title="<i>", x_label="x", y_label="y"),
        bars({"<b>": 1.0}, title="<i>", most=1.0),
        heat([[1, 0], [0, 1]], ["<b>", "c"], title="<i>"),
        people({"<b>": (3, "red")}, title="<i>"),
    ]
    for chart in drawn:
        assert 'aria-label="&lt;i&gt;' in chart
        assert "<b>" not in chart
