"""Write the probabilities of a folder of images to a CSV file.

METADATA.csv has the column image and one per patient field, with the challenge's values; a missing
option, row, column or cell means unknown. What is a photograph is decided by content; everything
that is passed over is named. A row for NAME also applies to NAME_downsampled, and vice
versa. The output has the columns image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC and one row per image, under
its own file name; it is written once all images are predicted.

--json writes one line per photograph for programs: image, probabilities, box of the lesion, frame
around it, lesions found, range over test-time augmentation, ood_score and warnings. With
--by-lesion, rows of METADATA.csv with one lesion_id are photographs of one lesion, which gets a
further answer: a row under its lesion_id, from the mean of their log-probabilities.

A column box of METADATA.csv, as in "40,30,160,140", or the columns x0, y0, x1 and y1, in pixels of
the upright photograph, say which lesion to look at in place of the one that is found.

example: python -m model predict photos --metadata Metadata.csv --out predictions.csv
example: python -m model predict photos --json predictions.jsonl
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from isic_api.files import whole_file
from model.cli.options import add_bundle
from model.data.context import filled_patients, find_boxes, find_context, find_lesions
from model.data.photographs import list_photographs
from model.errors import BoxError, DataError, ImageError
from model.frame import Box
from model.inference.bundle import read_manifest
from model.inference.prediction_table import (
    PredictionTable,
    prediction_line,
    prediction_record,
    same_lesion,
)
from model.inference.predictor import Predictor
from model.inference.study import Study
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
    parser.add_argument("--out", type=Path, metavar="CSV", help="table to write")
    parser.add_argument("--json", type=Path, metavar="JSONL", help="lines of JSON to write")
    parser.add_argument(
        "--by-lesion", action="store_true", help="one more answer per lesion with several images"
    )
    add_bundle(parser)


def run(options: argparse.Namespace) -> int:
    """Predict; the status is 1 when an image could not be read."""
    outputs = [path for path in (options.out, options.json) if path]
    if not outputs:
        raise DataError("there is nothing to write. Give --out CSV, --json JSONL or both.")
    for path in outputs:
        _require_writable(path)
    found = list_photographs(options.images)
    paths = found.paths
    for sentence in found.passed_over():
        print(f"passed over: {sentence}", file=sys.stderr)
    names, manifest = list(paths), read_manifest(options.bundle)
    fields = manifest.patient.fields
    patients = _patients(names, options.metadata, fields)
    patients, recorded = filled_patients(patients, paths.values(), fields)
    print(*recorded, sep="\n", end="\n" * len(recorded))
    lesions = _lesions(names, patients, options) if options.by_lesion else {}
    metadata = options.metadata
    boxes = find_boxes(metadata, names) if metadata else [None] * len(names)
    # Takes seconds through Keras: not before the input is known to be sound.
    predictor = Predictor.load(options.bundle)
    if predictor.finder is None:
        print("this bundle has no lesion finder: it sees whole photographs", file=sys.stderr)
    studied, files = bool(options.json), list(paths.values())
    answers = _answers(predictor, files, patients, boxes, studied=studied)
    progress = tqdm(zip(names, patients, answers, strict=True), total=len(paths), desc="Predicting")
    with ExitStack() as stack:
        writers = _writers(stack, options, manifest.codes)
        unreadable = _write(writers, progress, lesions)
    for error in unreadable:
        print(f"error: {error}", file=sys.stderr)
    written = " and ".join(map(str, outputs))
    total = len(paths) + len(found.refused)
    print(f"wrote {len(paths) - len(unreadable)} of {total} images to {written}")
    return 1 if unreadable or found.refused else 0


def _require_writable(out: Path) -> None:
    """Refuse, before any work, a folder or a device as the file to write."""
    if out.exists() and not out.is_file():
        raise DataError(f"{out} is not a file. Give --out the name of a CSV file.")


def _patients(names: list[str], metadata: Path | None, fields: Sequence[Field]) -> list[Patient]:
    """Look up each image's context by its name."""
    if metadata is None:
        return [Patient()] * len(names)
    found, notes = find_context(metadata, names, fields)
    print("\n".join(notes))
    return [patient or Patient() for patient in found]


def _lesions(
    names: list[str], patients: list[Patient], options: argparse.Namespace
) -> dict[str, str]:
    """Lesion of each image that shares it with another, by name.

    Raises:
        DataError: no table of metadata, or images of one lesion whose patients differ.
    """
    if options.metadata is None:
        raise DataError("--by-lesion needs --metadata CSV with a column lesion_id. Give one.")
    images = {}
    for name, lesion in zip(names, find_lesions(options.metadata, names), strict=True):
        images.setdefault(lesion, []).append(name)
    patient_of = dict(zip(names, patients, strict=True))
    shared = {lesion: found for lesion, found in images.items() if lesion and len(found) > 1}
    for lesion, found in shared.items():
        differing = [name for name in found if patient_of[name] != patient_of[found[0]]]
        if differing:
            raise DataError(
                f"{found[0]} and {differing[0]} show one lesion, {lesion}, but their patients "
                f"differ in {options.metadata}. Give photographs of one lesion the same patient."
            )
    return {name: lesion for lesion, found in shared.items() for name in found}


Answer = np.ndarray | Study | ImageError


def _answers(
    predictor: Predictor,
    paths: list[Path],
    patients: list[Patient],
    boxes: list[Box | None],
    *,
    studied: bool,
) -> Iterator[Answer]:
    """Probabilities (classes,) of each file, or its whole study; an unreadable one's error."""
    if not studied:
        yield from predictor.predict_files(paths, patients, boxes)
        return
    for path, box in zip(paths, boxes, strict=True):
        try:
            yield predictor.study(path, box=box)
        except ImageError as error:
            yield error


class _Table:
    """Writes probabilities as CSV."""

    def __init__(self, file: IO[str], codes: list[str]) -> None:
        self.codes, self._table = codes, PredictionTable(file, codes)

    def write(self, name: str, row: np.ndarray, answer: Answer, patient: Patient) -> None:
        self._table.write(name, row)

    def write_lesion(self, lesion: str, names: list[str], row: np.ndarray) -> None:
        self._table.write(lesion, row)


class _Lines:
    """Writes predictions as JSON Lines, one object per image."""

    def __init__(self, file: IO[str], codes: list[str]) -> None:
        self.codes, self._file = codes, file

    def write(self, name: str, row: np.ndarray, answer: Study, patient: Patient) -> None:
        self._file.write(prediction_line(name, prediction_record(answer, patient)) + "\n")

    def write_lesion(self, lesion: str, names: list[str], row: np.ndarray) -> None:
        values = dict(zip(self.codes, row.tolist(), strict=True))
        line = {"lesion_id": lesion, "images": names, "probabilities": values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _writers(
    stack: ExitStack, options: argparse.Namespace, codes: list[str]
) -> list[_Table | _Lines]:
    """Open the files to write; they are renamed when complete."""
    writers = []
    for path, writer in ((options.out, _Table), (options.json, _Lines)):
        if path:
            part = stack.enter_context(whole_file(path))
            file = stack.enter_context(part.open("w", newline="", encoding="utf-8"))
            writers.append(writer(file, codes))
    return writers


def _write(
    writers: list[_Table | _Lines],
    answers: Iterable[tuple[str, Patient, Answer]],
    lesions: dict[str, str],
) -> list[ImageError]:
    """Write all images, then the lesions; returns the errors of the unreadable images."""
    unreadable, of_lesion = [], {}
    for name, patient, answer in answers:
        if isinstance(answer, ImageError):
            named = BoxError(f"{name}: {answer}") if isinstance(answer, BoxError) else answer
            unreadable.append(named)
            continue
        row = answer
        if isinstance(answer, Study):
            row = np.array(list(answer.probabilities(patient).values()))
        for writer in writers:
            writer.write(name, row, answer, patient)
        if name in lesions:
            of_lesion.setdefault(lesions[name], []).append((name, row))
    for lesion, found in of_lesion.items():
        names, rows = zip(*found, strict=True)
        for writer in writers:
            writer.write_lesion(lesion, list(names), same_lesion(np.stack(rows)))
    return unreadable
