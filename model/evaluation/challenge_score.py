"""The figures of the official ISIC challenge scorer (isic-challenge-scoring 5.8.0).

They differ from those of ``metrics`` in what a class needs to be called: here a probability above
0.5, there the highest one. Degenerate figures follow the scorer: a share of nothing counts as 1,
and a row whose highest probability is not unique is given no class. Only where a class has no case
does ours go on, with None, while the official one stops.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import auc, roc_curve

from model.errors import DataError
from model.evaluation.metrics import average_precision, mean_of_known, roc_auc, share

THRESHOLD = 0.5
_SENSITIVITY = 0.8  # where the partial area begins


def challenge_score(
    truth: pd.DataFrame, predictions: pd.DataFrame, weights: np.ndarray | None = None
) -> dict:
    """Score predictions in the layout of the scorer's JSON output.

    Args:
        truth: one-hot, a column per class, indexed by image.
        predictions: probabilities, indexed by image; rows and columns in any order.
        weights: of the truth's rows, (N,); all 1 if not given.

    Raises:
        DataError: an image or a class of the truth has no prediction.
    """
    predictions = _aligned(truth, predictions)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights, float)
    per_class = {code: _figures(truth[code], predictions[code], weights) for code in truth}
    table = pd.DataFrame(per_class, dtype=float)
    means = {name: _known(mean_of_known(row.to_numpy())) for name, row in table.iterrows()}
    per_category = {name: {c: _known(v) for c, v in row.items()} for name, row in table.iterrows()}
    overall = _known(_balanced(truth.to_numpy(), predictions.to_numpy(), weights))
    return {
        "overall": overall,
        "per_category": per_category,
        "macro_average": means,
        "aggregate": {"balanced_accuracy": overall},
    }


def _aligned(truth: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    without = truth.index.difference(predictions.index)
    if len(without):
        raise DataError(
            f"{len(without)} images of the truth have no prediction: {', '.join(without[:5])}. "
            "Predict every image."
        )
    unknown = [code for code in truth if code not in predictions]
    if unknown:
        raise DataError(f"the predictions have no column {', '.join(unknown)}. Add it.")
    return predictions.loc[truth.index, truth.columns]


def _balanced(truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    highest = predictions == predictions.max(axis=1, keepdims=True)
    decided = highest & (highest.sum(axis=1, keepdims=True) == 1)
    cases = weights @ truth
    hits = weights @ (truth * decided)
    return float(mean_of_known(share(hits, cases)))


def _figures(truth: pd.Series, scores: pd.Series, weights: np.ndarray) -> dict[str, float]:
    positive, called = truth.to_numpy() > THRESHOLD, scores.to_numpy() > THRESHOLD
    tp, fn = weights[positive & called].sum(), weights[positive & ~called].sum()
    fp, tn = weights[~positive & called].sum(), weights[~positive & ~called].sum()
    scored = positive, scores.to_numpy(), weights
    return {
        "accuracy": _share(tp + tn, tp + tn + fp + fn),
        "sensitivity": _share(tp, tp + fn),
        "specificity": _share(tn, tn + fp),
        "dice": _share(2 * tp, 2 * tp + fp + fn),
        "ppv": _share(tp, tp + fp),
        "npv": _share(tn, tn + fn),
        "auc": float(roc_auc(*scored)),
        "auc_sens_80": _area_above(*scored),
        "ap": float(average_precision(*scored)),
    }


def _area_above(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Area between the ROC curve and the false-positive axis, right of sensitivity 80 %."""
    if not weights[positive].sum() or not weights[~positive].sum():
        return float("nan")
    false, true, _ = roc_curve(positive, scores, sample_weight=weights, drop_intermediate=False)
    first = int(true.searchsorted(_SENSITIVITY))
    start = np.interp(_SENSITIVITY, true[first - 1 : first + 1], false[first - 1 : first + 1])
    return float(auc(np.r_[start, false[first:]], np.r_[_SENSITIVITY, true[first:]]))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
