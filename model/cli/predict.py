"""Write the probabilities of a folder of images to a CSV file.

METADATA.csv has the column image and one per patient field, with the challenge's values; a missing
option, row, column or cell means unknown. A row for NAME also applies to NAME_downsampled, and vice
versa. The output has the columns image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC and one row per image, under
its own file name; it is written once all images are predicted.

example: python -m model predict photos --metadata Metadata.csv --out predictions.csv
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from isic_api.files import whole_file
from model.cli.options import add_bundle
from model.data.dataset import find_patients, image_paths
from model.errors import DataError, ImageError
from model.file_context import filled_patients
from model.inference.bundle import read_manifest
from model.inference.prediction_table import PredictionTable
from model.inference.predictor import Predictor
from model.patient import FIELDS, Field, Patient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of images")
    parser.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help=f"patient context, with the columns image,{','.join(f.column for f in FIELDS)}",
    )
    parser.add_argument("--out", type=Path, metavar="CSV", required=True, help="table to write")
    add_bundle(parser)


def run(options: argparse.Namespace) -> int:
    """Predict; the status is 1 when an image could not be read."""
    _require_writable(options.out)
    paths = image_paths(options.images)
    fields = read_manifest(options.bundle).patient.fields
    patients = _patients(list(paths), options.metadata, fields)
    patients, notes = filled_patients(patients, paths.values(), fields)
    print(*notes, sep="\n", end="\n" * len(notes))
    # Takes seconds through Keras: not before the input is known to be sound.
    predictor = Predictor.load(options.bundle)
    answers = predictor.predict_files(list(paths.values()), patients)
    progress = tqdm(zip(paths, answers, strict=True), total=len(paths), desc="Predicting")
    unreadable = _write(options.out, predictor.manifest.codes, progress)
    for error in unreadable:
        print(f"error: {error}", file=sys.stderr)
    print(f"wrote {len(paths) - len(unreadable)} of {len(paths)} images to {options.out}")
    return 1 if unreadable else 0


def _require_writable(out: Path) -> None:
    """Before the work: a folder cannot become a table, and a device must not."""
    if out.exists() and not out.is_file():
        raise DataError(f"{out} is not a file. Give --out the name of a CSV file.")


def _patients(names: list[str], metadata: Path | None, fields: Sequence[Field]) -> list[Patient]:
    """Look up each image's context by its name."""
    if metadata is None:
        return [Patient()] * len(names)
    found = find_patients(metadata, names, fields)
    rows = len(found) - found.count(None)
    print(f"{rows} of {len(names)} images have a row in {metadata}")
    return [patient or Patient() for patient in found]


def _write(
    out: Path, codes: list[str], answers: Iterable[tuple[str, np.ndarray | ImageError]]
) -> list[ImageError]:
    """Write the table once all are predicted; returns the errors of the unreadable images."""
    unreadable = []
    with whole_file(out) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = PredictionTable(file, codes)
        for name, answer in answers:
            if isinstance(answer, ImageError):
                unreadable.append(answer)
            else:
                table.write(name, answer)
    return unreadable
