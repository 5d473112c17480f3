"""What context is worth, on made-up answers, and how it reaches bundle and documents."""

from pathlib import Path

import numpy as np
import pytest

from model.evaluation.card import compact, metrics_markdown
from model.evaluation.context_worth import WORTH, context_worth
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.report_text import report_page, with_ci
from model.evaluation.subgroups import group_names
from tests.fakes.outcomes import COUNT, DRAWS, LABELS, manifest, noisy, table


@pytest.fixture(scope="module")
def outcome():
    return outcome_of(table(), noisy(), manifest(noisy(), LABELS), draws=DRAWS)


def worth(outcome, alone):
    return context_worth(outcome, alone, group_names(outcome.table))


def test_an_interval_with_a_minus_is_not_written_with_a_hyphen():
    assert with_ci({"value": -0.1, "low": -0.212, "high": -0.01}) == "-0.100 (-0.212 to -0.010)"
    assert with_ci({"value": 0.028, "low": -0.007, "high": 0.063}) == "0.028 (-0.007 to 0.063)"
    assert with_ci({"value": 0.712, "low": 0.689, "high": 0.733}) == "0.712 (0.689-0.733)"
    assert with_ci({"value": None, "low": None, "high": None}) == "-"


def test_context_that_changes_nothing_is_worth_nothing(outcome):
    found = worth(outcome, outcome.probabilities)
    for row in [*found["figures"].values(), *found["groups"]["sex"].values()]:
        assert row["difference"] == {"value": 0, "low": 0, "high": 0}
    assert found["changed"]["value"] == 0
    assert found["right_alone"]["value"] is None


def test_what_context_mends_counts_for_it_and_in_its_group_only(outcome):
    women = (outcome.table["sex"] == "female").to_numpy()
    alone = np.where(women[:, None], np.roll(noisy(), 1, axis=1), noisy())  # no longer the truth
    found = worth(outcome, alone)
    assert list(found["figures"]) == list(WORTH)
    for row in found["figures"].values():
        assert row["difference"]["low"] > 0
        sides = row["with_context"]["value"] - row["alone"]["value"]
        assert row["difference"]["value"] == pytest.approx(sides)
    groups = found["groups"]["sex"]
    assert groups["female"]["difference"]["low"] > 0
    assert groups["male"]["difference"]["value"] == 0
    assert groups["female"]["images"] == women.sum()
    assert found["changed"]["value"] == women.sum() / COUNT
    assert found["right_with_context"]["low"] > found["right_alone"]["high"]


def test_groups_of_few_images_are_left_out(outcome):
    groups = group_names(outcome.table)
    groups.loc[:40, "source"] = "MSK"
    assert "MSK" not in context_worth(outcome, noisy(2), groups)["groups"]["source"]


def test_missed_melanomas_are_those_below_the_cut_off_of_their_source(outcome):
    report = evaluate(outcome)
    threshold = outcome.points["melanoma"]["at_90_sensitivity"]
    for source, row in report["missed_melanomas"].items():
        here = (LABELS == 0) & (outcome.table["source"] == source).to_numpy()
        below = outcome.probabilities[here, 0] < threshold
        assert row["melanomas"] == here.sum()
        assert row["missed"]["value"] == pytest.approx(below.mean())


def test_documents_say_both_where_a_bundle_has_them(outcome):
    about = {"about": describe(outcome, bundle=Path("b"), part="test")}
    report = evaluate(outcome) | about | {"context": worth(outcome, noisy(2))}
    kept = compact(report)
    text = metrics_markdown(manifest(noisy(), LABELS, metrics={"test": kept}))
    assert "| sex: female |" in text
    assert "| source | melanomas | missed |" in text
    older = {k: v for k, v in kept.items() if k not in ("context", "missed_melanomas")}
    text = metrics_markdown(manifest(noisy(), LABELS, metrics={"test": older}))
    assert "missed" not in text
    assert "with context" not in text


def test_the_page_of_a_report_says_it_too(outcome):
    about = {"about": describe(outcome, bundle=Path("b"), part="test"), "notes": []}
    report = evaluate(outcome) | about | {"context": worth(outcome, noisy(2))}
    assert "What age, sex and site were worth" in report_page(report, [])
