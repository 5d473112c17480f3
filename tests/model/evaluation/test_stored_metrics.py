from pathlib import Path

import pytest

from model.errors import DataError
from model.evaluation.card import BEGIN, END, compact, metrics_markdown, with_metrics
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.inference.bundle import MANIFEST_FILE, RELEASED, read_manifest
from tests.fakes.outcomes import DRAWS, LABELS, manifest, noisy, table

ROOT = Path(__file__).parents[3]
DOCUMENTS = ("README.md", "docs/model_card.md")


@pytest.fixture(scope="module")
def report():
    outcome = outcome_of(table(), noisy(), manifest(noisy(), LABELS), draws=DRAWS)
    return evaluate(outcome) | {"about": describe(outcome, bundle=Path("b"), part="test")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_figures_in_the_documents_are_those_of_the_shipped_bundle(name):
    document = ROOT / name
    if not document.is_file() or BEGIN not in document.read_text(encoding="utf-8"):
        pytest.skip(f"{name} takes no figures")
    if not (RELEASED / MANIFEST_FILE).is_file():
        pytest.skip("no bundle is shipped")
    text = document.read_text(encoding="utf-8")
    assert with_metrics(text, metrics_markdown(read_manifest(RELEASED))) == text


def test_the_tables_hold_every_headline_class_and_source(report):
    text = metrics_markdown(manifest(noisy(), LABELS, metrics={"test": compact(report)}))
    value = report["balanced_accuracy"]["value"]
    assert f"| balanced accuracy | {value:.3f} (" in text
    for word in ("| MEL | 50 |", "| SCC | 50 |", "| HAM |", "| BCN |", "400 images of 200 lesions"):
        assert word in text


def test_a_bundle_that_learned_from_examples_says_how_many_others_it_notices(report):
    learned = manifest(noisy(), LABELS, metrics={"test": compact(report)})
    assert "noticed" not in metrics_markdown(learned)
    share = {"value": 0.95, "low": 0.92, "high": 0.97}
    learned.ood["examples"] = {"closeups": {"images": 400, "recognised": share}}
    assert "without a dermatoscope | 400 | 0.950 (0.920-0.970) |" in metrics_markdown(learned)


def test_figures_are_rounded_but_thresholds_are_not(report):
    kept = compact(report)
    assert kept["accuracy"]["low"] == round(report["accuracy"]["low"], 6)
    points = [r["operating_points"]["melanoma"]["at_90_specificity"] for r in (kept, report)]
    assert points[0]["threshold"] == points[1]["threshold"]
    for side in ("sensitivity", "specificity"):
        assert points[0][side]["low"] == round(points[1][side]["low"], 6)


def test_what_is_between_the_markers_is_replaced_and_nothing_else():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_metrics(text, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert with_metrics(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_document_without_one_pair_of_markers_is_refused(text):
    with pytest.raises(DataError, match="metrics:begin"):
        with_metrics(text, "new")


def test_a_bundle_without_figures_is_refused_with_the_next_step():
    with pytest.raises(DataError, match="--store"):
        metrics_markdown(manifest(noisy(), LABELS))


@pytest.mark.parametrize("damage", [{}, {"images": "many"}, {"per_class": None}])
def test_damaged_figures_are_one_clear_line(report, damage):
    figures = compact(report) | damage if damage else damage
    with pytest.raises(DataError, match=r"damaged.*--store"):
        metrics_markdown(manifest(noisy(), LABELS, metrics={"test": figures}))
