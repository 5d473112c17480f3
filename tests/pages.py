"""Pages served for the tests, with a made-up predictor behind them."""

from contextlib import contextmanager

from demo.interface import build_demo, launch
from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.image import read_image


def made_up(image, patient):
    """Read the image, then answer by age alone: melanoma grows with it."""
    read_image(image)
    melanoma = (patient.age_approx or 0) / 200
    rest = (1 - melanoma) / 7
    return {code: melanoma if code == "MEL" else rest for code in DIAGNOSES}


@contextmanager
def served(predict=made_up, ready=lambda: True):
    """Serve the page on a free port; gives its address."""
    demo = build_demo(
        predict, ready=ready, names=DIAGNOSIS_NAMES, sexes=CHALLENGE_SEXES, sites=CHALLENGE_SITES
    )
    _, address, _ = launch(demo, prevent_thread_lock=True, quiet=True)
    try:
        yield address
    finally:
        demo.close()
