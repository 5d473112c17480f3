"""Write the probabilities of a folder of images to a CSV file.

METADATA.csv is in the challenge's layout (image,age_approx,anatom_site_general,sex); an absent
option, row, column or cell is unknown. The output has the columns
image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC and one row an image.

example: python -m model predict photos --metadata Metadata.csv --out predictions.csv
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.commands.options import add_bundle
from model.data.dataset import image_paths, read_patients
from model.errors import ImageError
from model.patient import Patient
from model.prediction.answer_table import AnswerTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of images")
    parser.add_argument("--metadata", type=Path, metavar="CSV", help="the patients' context")
    parser.add_argument("--out", type=Path, metavar="CSV", required=True, help="table to write")
    add_bundle(parser)


def run(options: argparse.Namespace) -> int:
    """Predict; the status is 1 when an image could not be read."""
    paths = image_paths(options.images)
    patients = _patients(list(paths), options.metadata)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.prediction.predictor import Predictor

    predictor = Predictor.load(options.bundle)
    answers = predictor.predict_files(list(paths.values()), patients)
    progress = tqdm(zip(paths, answers, strict=True), total=len(paths), desc="Predicting")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    unreadable = _write(options.out, predictor.manifest.codes, progress)
    for error in unreadable:
        print(f"error: {error}", file=sys.stderr)
    print(f"wrote {len(paths) - len(unreadable)} of {len(paths)} images to {options.out}")
    return 1 if unreadable else 0


def _patients(names: list[str], metadata: Path | None) -> list[Patient]:
    """Look up each image's context by its name."""
    if metadata is None:
        return [Patient()] * len(names)
    known = read_patients(metadata)
    found = [known.get(name, Patient()) for name in names]
    print(f"{sum(name in known for name in names)} of {len(names)} images have a row in {metadata}")
    return found


def _write(
    out: Path, codes: list[str], answers: Iterable[tuple[str, np.ndarray | ImageError]]
) -> list[ImageError]:
    """Write the rows as they come; returns the errors of the unreadable images."""
    unreadable = []
    with out.open("w", newline="", encoding="utf-8") as file:
        table = AnswerTable(file, codes)
        for name, answer in answers:
            if isinstance(answer, ImageError):
                unreadable.append(answer)
            else:
                table.write(name, answer)
    return unreadable
