"""One prediction with everything that the page shows, beside one of a usual large network.

    taskset -c 0,1 python benchmarks/predict.py

A drawn 600 x 450 JPEG is decoded, checked, predicted with and without context, explained by
contributions, what-if and a map, and compared with the training images. In the same process
EfficientNetB4 at 224 px answers for one image by ``predict``. Expect half a minute.
"""

import argparse
import os
import sys
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.measuring import machine, milliseconds, save, spread
from model.patient import Patient
from model.prediction.predictor import Predictor
from model.prediction.study import Study
from tests.drawings import draw_lesion

SIDE = 224  # pixels, of the usual network
PATIENT = Patient(60.0, "male", "head/neck")


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=100)
    rounds = options.parse_args().rounds
    report = machine() | {"rounds": rounds}
    predictor = Predictor.load()
    predictor.warm_up()
    report["network"], report["views"] = predictor.manifest.name, predictor.manifest.views
    photograph = jpeg()
    study = predictor.study(photograph)
    steps = {
        "everything": lambda: everything(predictor.study(photograph)),
        "open_photograph": lambda: predictor.study(photograph),
        "probabilities": lambda: study.probabilities(PATIENT),
        "contributions": lambda: study.contributions(PATIENT, "MEL"),
        "what_if": lambda: (study.by_age(PATIENT, "MEL"), study.by_site(PATIENT, "MEL")),
        "map": lambda: study.activation(PATIENT, "MEL"),
        "similar": lambda: study.similar(6),
    }
    for name, work in steps.items():
        report[name] = spread(milliseconds(work, rounds=rounds))
    large = keras.applications.EfficientNetB4(weights=None, input_shape=(SIDE, SIDE, 3))
    image = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    usual = milliseconds(lambda: large.predict(image, verbose=0), rounds=max(10, rounds // 5))
    report["efficientnet_b4_predict"] = spread(usual)
    ratio = report["efficientnet_b4_predict"]["p50_ms"] / report["everything"]["p50_ms"]
    report["times_faster"] = round(ratio, 1)
    save("predict", report)


def everything(study: Study) -> None:
    """Ask for all that the page shows of one photograph."""
    study.probabilities(PATIENT)
    study.probabilities(Patient())
    study.prediction_set(PATIENT)
    study.contributions(PATIENT, "MEL")
    study.activation(PATIENT, "MEL")
    _ = study.unknown_score, study.quality


def jpeg() -> bytes:
    """Draw the photograph."""
    buffer = BytesIO()
    draw_lesion(0, seed=1, size=(600, 450)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
