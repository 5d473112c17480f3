"""What a photograph's file says of its patient; DICOM files do, others say nothing."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from model.errors import ImageError, PatientError
from model.image import is_dicom, opened
from model.patient import Field, Patient


def recorded_patient(file: Path | BinaryIO | bytes, fields: Sequence[Field]) -> Patient:
    """The fields that a file states, as far as they are among these; empty for an unreadable one.

    Reading the photograph is what names a damaged file.
    """
    name = Path(str(getattr(file, "name", "the upload"))).name
    try:
        with opened(file) as stream:
            if not is_dicom(stream):
                return Patient()
            from model.dicom import recorded_context  # as in model.image, not before it is needed

            stated = recorded_context(stream, name)
            stream.seek(0)
    except (ImageError, OSError):
        return Patient()
    return Patient(**{f.key: _parsed(f, stated.get(f.key)) for f in fields})


def fill_unknown(
    patient: Patient, file: Path | BinaryIO | bytes, fields: Sequence[Field]
) -> Patient:
    """The patient, whose unknown fields are as the file states them."""
    recorded = recorded_patient(file, fields)
    return Patient(**{f.key: patient.get(f.key, recorded.get(f.key)) for f in fields})


def filled_patients(
    patients: Sequence[Patient],
    files: Iterable[Path | bytes | ImageError],
    fields: Sequence[Field],
) -> tuple[list[Patient], tuple[str, ...]]:
    """Each photograph's patient, filled; and a sentence on how many were.

    In place of a file there may be the error that it could not be read.
    """
    filled = [
        patient if isinstance(file, ImageError) else fill_unknown(patient, file, fields)
        for patient, file in zip(patients, files, strict=True)
    ]
    count = sum(before != after for before, after in zip(patients, filled, strict=True))
    said = f"{count:,} images have context from their own DICOM files"
    return filled, (said,) if count else ()


def _parsed(field: Field, value: object) -> object:
    """None where a bundle's own field of that name has other words."""
    try:
        return field.parse(value, field.key)
    except PatientError:
        return None
