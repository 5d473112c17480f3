import numpy as np
import pandas as pd
import pytest

from model.evaluation.evaluate import outcome_of
from model.evaluation.subgroups import group_names, largest_gap, subgroup_figures
from tests.fakes.outcomes import DRAWS, LABELS, manifest, noisy, table


def outcome_with(rows, share, seed=0):
    """Perfect answers, but for a share of the marked rows, which get the next class."""
    rng = np.random.default_rng(seed)
    wrong = rows & (rng.random(len(LABELS)) < share)
    answers = np.eye(8)[np.where(wrong, (LABELS + 1) % 8, LABELS)]
    return outcome_of(table(), answers, manifest(noisy(), LABELS), draws=DRAWS)


def test_ages_fall_into_bands_and_unknown_values_are_a_group():
    rows = pd.DataFrame(
        {
            "age_approx": [5.0, 30.0, 59.0, 60.0, 85.0, np.nan],
            "sex": ["female", None, "male", "male", "male", "male"],
            "anatom_site_general": [None] * 6,
            "source": ["HAM"] * 6,
        }
    )
    names = group_names(rows)
    bands = ["under 30", "30-44", "45-59", "60-74", "75 and over", "unknown"]
    assert names["age"].tolist() == bands
    assert names["sex"].tolist()[:2] == ["female", "unknown"]


def test_the_group_that_is_worse_is_found_and_flagged():
    rows = (table()["sex"] == "male").to_numpy()
    outcome = outcome_with(rows, share=0.4)
    found = subgroup_figures(outcome, group_names(outcome.table))
    gap = largest_gap(found)
    assert (gap["dimension"], gap["better"], gap["worse"]) == ("sex", "female", "male")
    assert gap["difference"]["low"] > 0.2
    assert found["sex"]["groups"]["female"]["balanced_accuracy"]["value"] == 1


def test_groups_come_by_age_and_the_unknown_last():
    outcome = outcome_with(np.zeros(len(LABELS), bool), share=0)
    found = subgroup_figures(outcome, group_names(outcome.table))
    assert list(found["age"]["groups"]) == ["under 30", "45-59", "75 and over", "unknown"]


def test_groups_of_one_dimension_add_up_to_all_images():
    outcome = outcome_with(np.zeros(len(LABELS), bool), share=0)
    for found in subgroup_figures(outcome, group_names(outcome.table)).values():
        assert sum(row["images"] for row in found["groups"].values()) == len(LABELS)


def test_only_classes_that_both_groups_have_are_compared():
    # One group has the even classes only; it answers them as well as the other does.
    names = np.where(LABELS % 2 == 0, np.where(np.arange(len(LABELS)) < 200, "a", "b"), "b")
    outcome = outcome_with(LABELS % 2 == 1, share=0.5)
    gap = subgroup_figures(outcome, pd.DataFrame({"half": names}))["half"]["gap"]
    assert gap["classes"] == ["MEL", "BCC", "BKL", "VASC"]
    assert gap["difference"]["value"] == pytest.approx(0)


def test_groups_that_are_too_small_are_not_compared():
    names = np.where(np.arange(len(LABELS)) < 40, "few", "many")
    outcome = outcome_with(names == "few", share=0.9)
    found = subgroup_figures(outcome, pd.DataFrame({"size": names}))
    assert found["size"]["gap"] is None
    assert largest_gap(found) is None


def test_images_without_a_name_are_left_out_of_the_dimension():
    names = np.array(["a", "b", None, None] * 100, dtype=object)
    outcome = outcome_with(np.zeros(len(LABELS), bool), share=0)
    groups = subgroup_figures(outcome, pd.DataFrame({"d": names}))["d"]["groups"]
    assert {name: row["images"] for name, row in groups.items()} == {"a": 100, "b": 100}
