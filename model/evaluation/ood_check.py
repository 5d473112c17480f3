"""How well the OOD scores tell out-of-distribution images from test images."""

import numpy as np

from model.evaluation.intervals import LesionBootstrap, interval
from model.evaluation.metrics import roc_auc
from model.evaluation.ood_images import ood_images
from model.evaluation.outcome import Outcome
from model.inference.backend import ModelOutputs
from model.inference.ood import ood_scores
from model.inference.predictor import Predictor
from model.patient import Patient

_COUNT = 100  # images of every kind


def check_ood(predictor: Predictor, outcome: Outcome, outputs: ModelOutputs) -> dict | None:
    """Compare all four scores; None if the bundle has no detector.

    - false_alarm_rate: false-positive rate on the outcome's own images, by score
    - kinds: AUC against the outcome's images and sensitivity, by kind of image and score
    - left_out: AUC of each diagnosis against the others after the detector has forgotten it. The
      network itself was trained on it, so a truly new diagnosis may be detected less or more.
    """
    if predictor.detector is None:
        return None
    known = ood_scores(predictor.detector, outputs)
    thresholds = predictor.manifest.ood["thresholds"]
    return {
        "method": predictor.manifest.ood["method"],
        "stated_false_alarm_rate": predictor.manifest.ood["false_positive_rate"],
        "false_alarm_rate": {
            name: _share(scores > thresholds[name], outcome.bootstrap)
            for name, scores in known.items()
        },
        "kinds": _kinds(predictor, known, thresholds),
        "left_out": _left_out(predictor, outcome, outputs),
    }


def _kinds(
    predictor: Predictor, known: dict[str, np.ndarray], thresholds: dict[str, float]
) -> dict[str, dict]:
    found = {}
    for kind, images in ood_images(_COUNT).items():
        prepared = np.stack([predictor.manifest.image(image) for image in images])
        outputs = predictor.outputs(prepared, [Patient()] * len(images))
        scores = ood_scores(predictor.detector, outputs)
        found[kind] = {
            name: {
                "auc": _auc(scores[name], known[name]),
                "noticed": float((scores[name] > thresholds[name]).mean()),
            }
            for name in scores
        }
    return found


def _left_out(predictor: Predictor, outcome: Outcome, outputs: ModelOutputs) -> dict[str, dict]:
    found = {}
    for number, code in enumerate(outcome.codes):
        new = outcome.labels == number
        scores = ood_scores(predictor.detector.without(number), outputs)
        fitted = ("mahalanobis", "knn")  # the others are not fitted
        found[code] = {name: _auc(scores[name][new], scores[name][~new]) for name in fitted}
    return found


def _auc(ood: np.ndarray, known: np.ndarray) -> float | None:
    """ROC AUC of telling OOD images from known ones; None if either group is empty."""
    positive = np.arange(len(ood) + len(known)) < len(ood)
    area = float(roc_auc(positive, np.r_[ood, known]))
    return None if np.isnan(area) else area


def _share(marked: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    return interval(bootstrap.sums(marked) / bootstrap.sums(np.ones(len(marked))))
