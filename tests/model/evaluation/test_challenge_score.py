import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.errors import DataError
from model.evaluation.challenge_score import challenge_score

SCORER = Path(__file__).parents[4] / "shared" / "scorer"


def frames(truth, predictions):
    index, columns = ["a", "b", "c", "d"], ["MEL", "NV"]
    return [pd.DataFrame(values, index, columns) for values in (truth, predictions)]


WORKED = frames(
    [[1.0, 0], [1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.5, 0.5]]
)


@pytest.mark.parametrize("name", ["usual", "weak", "ties", "weighted"])
def test_all_figures_equal_what_the_official_scorer_printed(name):
    if not SCORER.is_dir():
        pytest.skip("needs the official scorer's examples in ../shared/scorer")
    truth = pd.read_csv(SCORER / f"{name}_truth.csv", index_col="image")
    predictions = pd.read_csv(SCORER / f"{name}_predictions.csv", index_col="image")
    expected = json.loads((SCORER / f"{name}_expected.json").read_text())
    weights = {use: truth.pop(f"{use}_weight") for use in ("score", "validation")}
    found = challenge_score(truth, predictions, weights["score"])
    validation = challenge_score(truth, predictions, weights["validation"])
    assert validation["overall"] == pytest.approx(expected.pop("validation"), abs=1e-12)
    assert found["overall"] == pytest.approx(expected["overall"], abs=1e-12)
    assert found["aggregate"] == pytest.approx(expected["aggregate"], abs=1e-12)
    assert found["macro_average"] == pytest.approx(expected["macro_average"], abs=1e-12)
    for figure, classes in expected["per_category"].items():
        assert found["per_category"][figure] == pytest.approx(classes, abs=1e-12)


def test_a_row_without_a_single_highest_probability_counts_as_wrong():
    # MEL: one of two right; NV: one of two right, the other undecided.
    assert challenge_score(*WORKED)["overall"] == 0.5


def test_half_is_not_above_the_threshold():
    found = challenge_score(*WORKED)["per_category"]
    assert found["sensitivity"] == {"MEL": 0.5, "NV": 0.5}
    assert found["specificity"] == {"MEL": 1.0, "NV": 0.5}


def test_rows_and_columns_are_aligned_by_name():
    truth, predictions = WORKED
    shuffled = predictions.loc[["c", "a", "d", "b"], ["NV", "MEL"]]
    assert challenge_score(truth, shuffled) == challenge_score(truth, predictions)


def test_a_class_without_a_case_gets_no_auc_and_is_left_out_of_the_means():
    truth, predictions = frames([[1.0, 0]] * 4, [[0.9, 0.1]] * 4)
    found = challenge_score(truth, predictions)
    assert found["overall"] == 1.0
    assert found["per_category"]["auc"] == {"MEL": None, "NV": None}
    assert found["per_category"]["sensitivity"]["NV"] == 1.0


def test_rows_of_weight_0_do_not_count():
    truth, predictions = WORKED
    assert challenge_score(truth, predictions, np.array([1, 0, 1, 0]))["overall"] == 1.0


def test_an_image_without_a_prediction_is_named():
    truth, predictions = WORKED
    with pytest.raises(DataError, match=r"no prediction: c\b"):
        challenge_score(truth, predictions.drop("c"))


def test_a_missing_column_is_named():
    truth, predictions = WORKED
    with pytest.raises(DataError, match="no column NV"):
        challenge_score(truth, predictions[["MEL"]])
