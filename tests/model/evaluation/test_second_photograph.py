"""What a second photograph is worth, on made-up answers."""

from pathlib import Path

import numpy as np
import pytest

from model.evaluation.card import compact, metrics_markdown
from model.evaluation.evaluate import describe, evaluate, outcome_of
from model.evaluation.report_text import second_photograph_rows
from model.evaluation.second_photograph import second_photograph
from tests.fakes.outcomes import DRAWS, LABELS, manifest, noisy, table


def outcome(lesions, answers):
    rows = table().assign(lesion_id=lesions)
    return outcome_of(rows, answers, manifest(noisy(), LABELS), draws=DRAWS)


def test_where_no_lesion_has_two_nothing_is_said():
    assert second_photograph(outcome(np.arange(len(LABELS)).astype(str), noisy())) is None


def test_two_photographs_with_errors_of_their_own_are_better_than_one():
    order = np.argsort(LABELS, kind="stable")
    lesions = np.empty(len(LABELS), object)
    lesions[order] = [f"L{place // 2}" for place in range(len(LABELS))]
    same = np.array([len(set(LABELS[lesions == one])) == 1 for one in lesions])
    lesions[~same] = [f"own{row}" for row in np.flatnonzero(~same)]
    found = second_photograph(outcome(lesions, noisy()))
    assert found["lesions"] == same.sum() // 2
    accuracy = found["figures"]["accuracy"]
    assert accuracy["two"]["value"] > accuracy["one"]["value"]
    sides = accuracy["two"]["value"] - accuracy["one"]["value"]
    assert accuracy["difference"]["value"] == pytest.approx(sides)
    assert second_photograph_rows(found)[0] == ("", "one photograph", "two", "difference")
    whole = outcome(lesions, noisy())
    report = evaluate(whole) | {"about": describe(whole, bundle=Path("b"), part="test")}
    kept = compact(report | {"second_photograph": found})
    text = metrics_markdown(manifest(noisy(), LABELS, metrics={"test": kept}))
    assert f"on the {found['lesions']:,} lesions with several" in text


def test_the_same_photograph_twice_is_worth_nothing():
    row = noisy()[0]
    lesions = np.where(np.arange(len(LABELS)) < 2, "L", np.arange(len(LABELS)).astype(str))
    answers = np.vstack([row, row, noisy()[2:]])
    found = second_photograph(outcome(lesions, answers))
    assert found["lesions"] == 1
    assert found["figures"]["accuracy"]["difference"]["value"] == 0
