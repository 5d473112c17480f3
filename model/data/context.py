"""Reading what is known of the patients, from tables whose rows are images and from DICOM files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from model.data.formats import (
    column_names,
    translate,
)
from model.data.tables import columns_of, match_names, name_rows, read_csv
from model.errors import BoxError, DataError, ImageError, PatientError
from model.frame import Box, parse_box
from model.image import is_dicom, opened
from model.patient import FIELDS, ChoiceField, Field, NumberField, Patient

BOX_COLUMNS = ("box", "x0", "y0", "x1", "y1")
"""Of the lesion in pixels of the upright photograph: in one cell, ``40,30,160,140``, or in four."""


def read_metadata(
    path: Path, *, require: tuple[str, ...] = ("image",), fields: Sequence[Field] = FIELDS
) -> pd.DataFrame:
    """Read patient context: image, then lesion_id if present, then a column per field.

    A field may be headed by its column's name or its key. One whose column or cell is absent is
    unknown.

    Raises:
        DataError: no such file, not a table, a column of ``require`` missing, an image named twice,
            or a value outside its range or words.
    """
    words = [name for f in fields if not isinstance(f, NumberField) for name in (f.column, f.key)]
    names = column_names(fields)
    table = read_csv(path, require, text=words, names=names)
    notes = []
    for field in fields:
        if isinstance(field, ChoiceField) and field.column in table:
            table[field.column], ambiguous = translate(table[field.column], field)
            if ambiguous:
                notes.append(f"{path.name}: {ambiguous:,} rows have an ambiguous {field.name}")
    patients = _parse_rows(table, path.name, fields)
    unread = [name for name in table if name not in (*names.values(), *BOX_COLUMNS)]
    if unread:
        notes.append(f"{path.name}: unused columns: {', '.join(map(str, unread))}")
    identities = [name for name in ("lesion_id", "patient_id") if name in table]
    found = table[["image", *identities]].reset_index(drop=True)
    found = found.assign(**context_columns(patients, fields))
    found.attrs["notes"] = tuple(notes)
    return found


def find_context(
    path: Path, images: Sequence[str], fields: Sequence[Field] = FIELDS
) -> tuple[list[Patient | None], tuple[str, ...]]:
    """Read the context of images, in their order; None for one without a row.

    Also gives notes on what was matched and on columns that are not read. Names are matched as
    :func:`model.data.tables.match_names` does.

    Raises:
        DataError: as :func:`read_metadata`, or where no row is of an image, or no column of a field
            of the patient.
    """
    table = read_metadata(path, fields=fields)
    rows = match_names(images, table["image"].tolist())
    require_match(len(rows) - rows.count(-1), images, table["image"].tolist())
    read = set(columns_of(path, names=column_names(fields)))
    useful = {*BOX_COLUMNS, *(field.column for field in fields)}
    if not read & useful and read - set(column_names(fields).values()):
        raise DataError(
            f"{path.name} has no column of {names_of_fields(fields)}; it has "
            f"{', '.join(sorted(read))}. "
            f"Name them {', '.join(field.column for field in fields)}."
        )
    patients = table_patients(table, fields)
    found = [patients[row] if row >= 0 else None for row in rows]
    known = sum(bool(patient) for patient in found)
    notes = [
        f"{len(rows) - rows.count(-1)} of {len(images)} images have a row in {path.name}, {known} "
        "of them with a known value",
        *table.attrs["notes"],
    ]
    if unused := len(table) - len(set(rows) - {-1}):
        notes.append(f"{unused} rows of {path.name} match no image in this folder")
    return found, tuple(notes)


def find_lesions(path: Path, images: Sequence[str]) -> list[str | None]:
    """The ``lesion_id`` of images in a table of context, in their order; None where it has none.

    Names are matched and errors raised as in :func:`find_context`.
    """
    table = read_metadata(path, require=("image", "lesion_id"))
    lesions = table["lesion_id"].where(table["lesion_id"].notna(), None).tolist()
    rows = match_names(images, table["image"].tolist())
    return [lesions[row] if row >= 0 else None for row in rows]


def find_boxes(path: Path, images: Sequence[str]) -> list[Box | None]:
    """The boxes of lesions in a table of context, in the images' order; None where it has none.

    Names are matched as in :func:`find_patients`.

    Raises:
        DataError: a box is not four numbers or has no area. Rows are named.
    """
    table = read_csv(path, ("image",), text=BOX_COLUMNS)
    given = [name for name in BOX_COLUMNS[1:] if name in table]
    if "box" in table:
        cells = table["box"].fillna("").tolist()
    elif len(given) == len(BOX_COLUMNS) - 1:
        rows = table[given].fillna("").to_numpy().tolist()
        # A spreadsheet's decimal comma would make eight numbers of four.
        cells = [",".join(edge.replace(",", ".") for edge in row).strip(",") for row in rows]
    else:
        return [None] * len(images)
    boxes, errors = [], {}
    for row, cell in enumerate(cells):
        try:
            boxes.append(parse_box(cell) if cell.strip(" []()") else None)
        except BoxError as error:
            boxes.append(None)
            errors[row] = error
    if errors:
        wrong = np.isin(np.arange(len(table)), list(errors))
        first = next(iter(errors.values()))
        raise DataError(f"{path.name}, {name_rows(table, wrong)}: {first}") from first
    rows = match_names(images, table["image"].tolist())
    return [boxes[row] if row >= 0 else None for row in rows]


def table_patients(table: pd.DataFrame, fields: Sequence[Field] = FIELDS) -> list[Patient]:
    """The context of each row of a table that :func:`read_metadata` or ``read_folder`` checked."""
    return [Patient.parse(row, fields) for row in _raw(table, [f.column for f in fields])]


def table_groups(table: pd.DataFrame, field: Field) -> pd.Series:
    """Each row's subgroup by a field of its patient: categories, in the field's order."""
    values = [patient.get(field.key) for patient in table_patients(table, [field])]
    return pd.Series(pd.Categorical([field.group(value) for value in values], field.groups))


def context_columns(patients: Sequence[Patient], fields: Sequence[Field]) -> dict[str, pd.Series]:
    """The fields' values as columns of a table."""
    return {
        field.column: pd.Series(
            [patient.get(field.key) for patient in patients],
            dtype="float64" if isinstance(field, NumberField) else "object",
        )
        for field in fields
    }


def require_match(matched: int, names: Sequence[str], rows: Sequence[str]) -> None:
    """Check that a join matched a row, if there was anything to join.

    Raises:
        DataError: naming an image and a row.
    """
    if rows and names and not matched:
        raise DataError(
            f"no row of the metadata table matches an image: it names {rows[0]}, the images are "
            f"called {names[0]}. Give the images' names, with or without suffix and folder."
        )


def names_of_fields(fields: Sequence[Field]) -> str:
    """List the fields' names, for a sentence."""
    return ", ".join(field.name for field in fields)


def _parse_rows(table: pd.DataFrame, name: str, fields: Sequence[Field]) -> list[Patient]:
    given = [n for field in fields for n in dict.fromkeys((field.column, field.key)) if n in table]
    patients, errors = [], {}
    seen: dict[tuple, Patient | PatientError] = {}  # thousands of rows say the same few things
    columns = [table[name].astype(object).where(table[name].notna(), None) for name in given]
    rows = zip(*columns, strict=True) if columns else ((),) * len(table)
    for row, values in enumerate(rows):
        if values not in seen:
            seen[values] = _parsed(dict(zip(given, values, strict=True)), fields)
        if isinstance(seen[values], PatientError):
            errors[row] = seen[values]
        else:
            patients.append(seen[values])
    if errors:
        wrong = np.isin(np.arange(len(table)), list(errors))
        first = next(iter(errors.values()))
        raise DataError(f"{name}, {name_rows(table, wrong)}: {first}") from first
    return patients


def _parsed(values: dict[str, object], fields: Sequence[Field]) -> Patient | PatientError:
    try:
        return Patient.parse(values, fields)
    except PatientError as error:
        return error


def _raw(table: pd.DataFrame, names: Sequence[str]) -> Iterator[dict[str, object]]:
    """The cells of these columns, by name, of each row."""
    columns = [table[name].tolist() for name in names]
    return ({n: c[row] for n, c in zip(names, columns, strict=True)} for row in range(len(table)))


def recorded_patient(file: Path | BinaryIO | bytes, fields: Sequence[Field]) -> Patient:
    """The fields that a photograph's own file states; empty for an unreadable one.

    Only DICOM states any. A damaged file is reported where its photograph is read.
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
    return Patient(**{f.key: _value_or_none(f, stated.get(f.key)) for f in fields})


def fill_unknown(
    patient: Patient, file: Path | BinaryIO | bytes, fields: Sequence[Field]
) -> Patient:
    """Fill the patient's unknown fields from the file."""
    recorded = recorded_patient(file, fields)
    return Patient(**{f.key: patient.get(f.key, recorded.get(f.key)) for f in fields})


def filled_patients(
    patients: Sequence[Patient],
    files: Iterable[Path | bytes | ImageError],
    fields: Sequence[Field],
) -> tuple[list[Patient], tuple[str, ...]]:
    """Fill each photograph's patient from its file; also gives a note on how many were.

    In place of a file there may be the error that it could not be read.
    """
    filled = [
        patient if isinstance(file, ImageError) else fill_unknown(patient, file, fields)
        for patient, file in zip(patients, files, strict=True)
    ]
    count = sum(before != after for before, after in zip(patients, filled, strict=True))
    note = f"{count:,} images have context from their own DICOM files"
    return filled, (note,) if count else ()


def _value_or_none(field: Field, value: object) -> object:
    """None where the bundle's field of that name does not take such a value."""
    try:
        return field.parse(value, field.key)
    except PatientError:
        return None


def fill_from_files(table: pd.DataFrame, fields: Sequence[Field]) -> None:
    """Fill unknown cells of the fields' columns in place from the images' own files.

    ``table`` is that of :class:`model.data.dataset.Dataset`, with the files under ``path``.
    """
    columns = [field.column for field in fields]
    for row in table.index[table[columns].isna().any(axis=1)]:
        recorded = recorded_patient(table.at[row, "path"], fields)
        for field in fields:
            if field.key in recorded and pd.isna(table.at[row, field.column]):
                table.at[row, field.column] = recorded[field.key]
