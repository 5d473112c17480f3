"""The tray as a zip file of a data folder in the challenge's layout.

    lesion-cases/images/case-*.jpg      upright, in sRGB, without EXIF and the upload's own name
    lesion-cases/cases_GroundTruth.csv  one row per confirmed diagnosis
    lesion-cases/cases_Metadata.csv     image, lesion_id, patient_id, a column per field
    lesion-cases/cases.csv              labels, notes and answers; no command reads it

Unpacked, ``python -m model evaluate --data lesion-cases --part all`` and ``train`` read it. Images
of several exports differ in name; equal marks of lesion or patient mean the same one in all.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from demo.cases import Case, Tray
from model.diagnosis import COARSE_LABELS, DIAGNOSES
from model.frame import box_text
from model.image import read_image
from model.inference.prediction_table import plain_cell
from model.patient import Field

FOLDER = "lesion-cases"
FILE = f"{FOLDER}.zip"
FILE_SECONDS = 300
"""The server keeps an export for so long: with the age of its uploads, still within the hour."""

_QUALITY = 95  # of the JPEGs, without subsampled colour: training is to see what the camera gave


def export(tray: Tray, fields: Sequence[Field], diagnoses: Mapping[str, str]) -> bytes:
    """Pack all cases; ``diagnoses`` are those that may be confirmed, by code.

    Raises:
        ImageError: an upload has expired.
    """
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for case in tray.cases:
            name = f"{FOLDER}/images/{case.image}.jpg"
            archive.writestr(name, _jpeg(case), compress_type=ZIP_STORED)
        for name, rows in {
            "cases_GroundTruth": _truth(tray, list(diagnoses)),
            "cases_Metadata": _metadata(tray, fields),
            "cases": _answers(tray),
        }.items():
            archive.writestr(f"{FOLDER}/{name}.csv", _table(rows))
    return content.getvalue()


def _truth(tray: Tray, codes: Sequence[str]) -> Iterable[Sequence[object]]:
    confirmed = [case for case in tray.cases if case.marks.diagnosis]
    found = {case.marks.diagnosis for case in confirmed}
    # Labels of one's own need an image each; those of the challenge are columns in any case.
    columns = [code for code in codes if code in (*DIAGNOSES, *COARSE_LABELS) or code in found]
    yield ["image", *columns]
    for case in confirmed:
        yield [case.image, *(float(code == case.marks.diagnosis) for code in columns)]


def _metadata(tray: Tray, fields: Sequence[Field]) -> Iterable[Sequence[object]]:
    yield ["image", "lesion_id", "patient_id", *(field.column for field in fields)]
    for case in tray.cases:
        lesion, patient = case.marks.lesion, tray.patient_of(case)
        yield [
            case.image,
            lesion and f"lesion-{lesion}",
            patient and f"patient-{patient}",
            *(case.context.get(field.key, "") for field in fields),
        ]


def _answers(tray: Tray) -> Iterable[Sequence[object]]:
    codes = list(tray.cases[0].probabilities) if tray.cases else []
    marked = ("label", "confirmed", "lesion", "patient", "note")
    yield ["image", *marked, "warnings", "box", "frame", *codes]
    for case in tray.cases:
        marks = case.marks
        yield [
            case.image,
            *(marks.label, marks.diagnosis, marks.lesion, tray.patient_of(case), marks.note),
            " ".join(case.warnings),
            *(box_text(case.box), box_text(case.frame and case.frame.box)),
            *(f"{case.probabilities[code]:.9g}" for code in codes),
        ]


def _table(rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([plain_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _jpeg(case: Case) -> bytes:
    buffer = BytesIO()
    read_image(case.upload).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
