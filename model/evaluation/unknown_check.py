"""How well the unknown scores tell images unlike training from test images."""

import numpy as np

from model.evaluation.intervals import LesionBootstrap, interval
from model.evaluation.metrics import roc_auc
from model.evaluation.outcome import Outcome
from model.evaluation.unlike_images import unlike_images
from model.inference.ood import unknown_scores
from model.inference.predictor import Inside, Predictor
from model.patient import Patient

_COUNT = 100  # images of every kind


def check_unknown(predictor: Predictor, outcome: Outcome, inside: Inside) -> dict | None:
    """Compare all four scores; None if the bundle has no detector.

    - false_alarm_rate: share of the outcome's own images above the threshold, by score
    - kinds: AUC against the outcome's images and share noticed, by kind of image and score
    - left_out: AUC of each diagnosis against the others after the detector has forgotten it. The
      network itself has learned it, so a truly new diagnosis may be noticed less or more.
    """
    if predictor.detector is None:
        return None
    known = unknown_scores(predictor.detector, **vars(inside))
    thresholds = predictor.manifest.unknown["thresholds"]
    return {
        "method": predictor.manifest.unknown["method"],
        "stated_false_alarm_rate": predictor.manifest.unknown["false_alarm_rate"],
        "false_alarm_rate": {
            name: _share(scores > thresholds[name], outcome.bootstrap)
            for name, scores in known.items()
        },
        "kinds": _kinds(predictor, known, thresholds),
        "left_out": _left_out(predictor, outcome, inside),
    }


def _kinds(
    predictor: Predictor, known: dict[str, np.ndarray], thresholds: dict[str, float]
) -> dict[str, dict]:
    found = {}
    for kind, images in unlike_images(_COUNT).items():
        prepared = np.stack([predictor.manifest.image(image) for image in images])
        inside = predictor.look_inside(prepared, [Patient()] * len(images))
        scores = unknown_scores(predictor.detector, **vars(inside))
        found[kind] = {
            name: {
                "auc": _auc(scores[name], known[name]),
                "noticed": float((scores[name] > thresholds[name]).mean()),
            }
            for name in scores
        }
    return found


def _left_out(predictor: Predictor, outcome: Outcome, inside: Inside) -> dict[str, dict]:
    found = {}
    for number, code in enumerate(outcome.codes):
        new = outcome.labels == number
        scores = unknown_scores(predictor.detector.without(number), **vars(inside))
        fitted = ("mahalanobis", "knn")  # the others have nothing that could forget
        found[code] = {name: _auc(scores[name][new], scores[name][~new]) for name in fitted}
    return found


def _auc(unlike: np.ndarray, known: np.ndarray) -> float | None:
    """Chance that an unlike image scores above a known one; None if there is none of a kind."""
    positive = np.arange(len(unlike) + len(known)) < len(unlike)
    area = float(roc_auc(positive, np.r_[unlike, known]))
    return None if np.isnan(area) else area


def _share(marked: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    return interval(bootstrap.sums(marked) / bootstrap.sums(np.ones(len(marked))))
