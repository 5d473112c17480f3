"""One prediction with everything that the page shows, beside one of a usual large network.

    taskset -c 0,1 python benchmarks/predict.py

A drawn 600 x 450 JPEG is decoded, checked, predicted with and without context, and explained by
contributions and a map: as the page does it, and the same through Keras. In the same process
EfficientNetB4 at 224 px answers for one image by ``predict``, in turn with it. Expect half a
minute.
"""

import argparse
import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measuring import in_turn, machine, save, spread
from model.image import read_image
from model.inference.bundle import RELEASED
from model.inference.predictor import Predictor
from model.inference.quality import find_problems
from model.inference.study import Study
from model.patient import Patient
from tests.drawings import draw_lesion

SIDE = 224  # pixels, of the usual network
PATIENT = Patient(age=60.0, sex="male", site="head/neck")


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--bundle", type=Path, default=RELEASED)
    given = options.parse_args()
    threadpool_limits(1, user_api="blas")  # as app.py does it
    served = Predictor.load(given.bundle)
    reference = Predictor.load(given.bundle, backend="keras")
    manifest, photograph = served.manifest, jpeg()
    report = machine() | {"rounds": given.rounds, "network": manifest.name}
    report |= {"tta_views": manifest.tta_views, "backend": served.backend.name}
    steps = steps_of(served, photograph) | {
        "everything_by_keras": lambda: everything(reference.study(photograph)),
        "efficientnet_b4_predict": usual(),
    }
    report |= {name: spread(times) for name, times in in_turn(steps, given.rounds).items()}
    large = report["efficientnet_b4_predict"]["p50_ms"]
    report["times_faster"] = round(large / report["everything"]["p50_ms"], 1)
    report["times_faster_by_keras"] = round(large / report["everything_by_keras"]["p50_ms"], 1)
    save("predict", report)


def steps_of(predictor: Predictor, photograph: bytes) -> dict[str, Callable[[], object]]:
    """All that the page does, and its parts."""
    study, decoded = predictor.study(photograph), read_image(photograph)
    preprocessor, fields = predictor.manifest.image, predictor.manifest.patient.fields
    prepared = preprocessor(decoded)
    return {
        "everything": lambda: everything(predictor.study(photograph)),
        "open_photograph": lambda: predictor.study(photograph),
        "decode": lambda: read_image(photograph),
        "prepare": lambda: preprocessor(decoded),
        "quality": lambda: find_problems(prepared, decoded.size, predictor.manifest.quality),
        "image_part": lambda: predictor.backend.embed(prepared),
        "probabilities": lambda: study.probabilities(PATIENT),
        "contributions": lambda: study.contributions(PATIENT),
        "what_if": lambda: [study.what_if(PATIENT, field, "MEL") for field in fields],
        "grad_cam": lambda: study.grad_cam(PATIENT, "MEL"),
        "similar": lambda: study.similar(6),
    }


def usual() -> Callable[[], object]:
    """One answer of a large network, as its users ask for it."""
    large = keras.applications.EfficientNetB4(weights=None, input_shape=(SIDE, SIDE, 3))
    image = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    return lambda: large.predict(image, verbose=0)


def everything(study: Study) -> None:
    """Ask for all that the page shows of one photograph."""
    study.probabilities(PATIENT)
    study.probabilities(Patient())
    study.prediction_set(PATIENT)
    study.contributions(PATIENT)
    study.grad_cam(PATIENT, "MEL")
    _ = study.warnings


def jpeg() -> bytes:
    """Draw the photograph."""
    buffer = BytesIO()
    draw_lesion(0, seed=1, size=(600, 450)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
