"""What the shipped network predicts for twenty stored drawings, so that no change goes unnoticed.

    python -m tests.model.inference.pinned           after a new network: writes its answers
    python -m tests.model.inference.pinned --draw    draws the photographs again, too

The drawings are stored, since generators of random numbers may differ between versions of NumPy.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.patient import Patient
from tests.drawings import draw_lesion

FOLDER = Path(__file__).parents[2] / "data" / "pinned_images"
ANSWERS = Path(__file__).parents[2] / "data" / "pinned_predictions.json"
COUNT = 20
TOLERANCE = 5e-4  # of a probability: boxes that differ in the sixth digit may round a pixel apart


def photographs():
    """Paths of the drawings, in order."""
    return [FOLDER / f"drawn_{number:02d}.png" for number in range(COUNT)]


def patients():
    """Who goes with each drawing: every field known, unknown, and in between."""
    ages = [None if number % 5 == 4 else 5.0 + 4 * number for number in range(COUNT)]
    sexes = [*CHALLENGE_SEXES, None]
    sites = [*CHALLENGE_SITES, None]
    return [
        Patient(age=ages[number], sex=sexes[number % len(sexes)], site=sites[number % len(sites)])
        for number in range(COUNT)
    ]


def predictions():
    """The shipped network's ``network_sha256`` and ``predictions``: name → code → probability."""
    from model.inference.predictor import Predictor

    predictor = Predictor.load(backend="keras")
    rows = zip(photographs(), patients(), strict=True)
    return {
        "network_sha256": predictor.manifest.network_sha256,
        "predictions": {path.stem: predictor.predict(path, patient) for path, patient in rows},
    }


def draw():
    """Draw the photographs, of several sizes and in few colours, so that the files are small."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(photographs()):
        size = (96 + 8 * (number % 4), 72 + 8 * (number % 5))
        draw_lesion(number % 8, seed=number, size=size).quantize(48).save(path, optimize=True)


def main():
    """Write the answers down."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--draw", action="store_true", help="draw the photographs again")
    if options.parse_args().draw:
        draw()
    found = predictions()
    rows = found["predictions"].values()
    for row in rows:
        row.update({code: round(p, 6) for code, p in row.items()})
    ANSWERS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {len(rows)} predictions of {found['network_sha256'][:12]} to {ANSWERS.name}")


if __name__ == "__main__":
    main()
