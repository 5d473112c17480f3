"""Start the page: python app.py"""

import sys

from demo.interface import build_demo, launch
from demo.loading import Answering, BackgroundPredictor
from model.bundle import RELEASED, read_manifest
from model.errors import ModelError


def load() -> Answering:
    """Load the shipped network and run it once."""
    from model.predictor import Predictor  # takes seconds: only behind the page

    predictor = Predictor.load(RELEASED)
    predictor.warm_up()
    return predictor


try:
    manifest = read_manifest(RELEASED)
except ModelError as error:
    sys.exit(f"error: {error}")

predictor = BackgroundPredictor(load)
demo = build_demo(
    predictor.predict,
    ready=predictor.ready,
    names=manifest.classes,
    sexes=manifest.patient.sexes,
    sites=manifest.patient.sites,
)

if __name__ == "__main__":
    predictor.start()
    launch(demo)
