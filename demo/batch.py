"""Many photographs at once: from files and zip files to a table of predictions."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from PIL import Image

from demo.access import MOST_BYTES
from demo.prediction import doubts
from model.data.context import find_boxes, find_context
from model.data.photographs import is_hidden
from model.data.tables import image_name
from model.errors import DataError, ImageError
from model.frame import Box
from model.image import HEAD, SUFFIXES, content_kind, refuse_other_kinds
from model.inference.prediction_table import PredictionTable, prediction_line, prediction_record
from model.inference.study import Study
from model.patient import Field, Patient

MOST_IMAGES = 1_000
MOST_UNPACKED = 300 << 20
"""Bytes of all members of zip files together, which are in memory at a time."""

_THUMBNAIL = 56  # pixels

# What zipfile raises on damaged files, found by mutating files.
_UNZIP_ERRORS = (
    BadZipFile,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # an encrypted member, or a method that is not known
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Item:
    """One photograph; ``name`` is its file's stem, as in the challenge's tables."""

    name: str
    content: Path | bytes | ImageError


@dataclass(frozen=True)
class Answered:
    """What the table says of one photograph."""

    probabilities: Mapping[str, float]  # by code
    patient: Patient
    warnings: Sequence[str]  # keys of texts.quality
    thumbnail: Image.Image
    record: Mapping[str, object] = field(default_factory=dict)  # as predict --json writes it


@dataclass
class BatchResult:
    """Rows by image, and what could not be read."""

    rows: dict[str, Answered] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, reason
    notes: tuple[str, ...] = ()  # how the table of context was joined

    @property
    def with_context(self) -> int:
        """Rows for which any field of the patient was known."""
        return sum(row.patient != Patient() for row in self.rows.values())


def collect(files: Iterable[Path]) -> list[Item]:
    """List photographs, those inside zip files too, at most a thousand.

    Members are read into memory and never written, so that no name can lead out of a folder.

    Raises:
        ImageError: a zip file is damaged, or there are more than a thousand photographs, or more
            bytes of them than fit into memory.
    """
    items, unpacked = [], 0
    for file in files:
        zipped = file.suffix.lower() == ".zip"
        for item in _members(file) if zipped else [Item(image_name(file.name), file)]:
            items.append(item)
            unpacked += len(item.content) if isinstance(item.content, bytes) else 0
            _require_room(len(items), unpacked)
    return items


def patients_of(
    table: Path | None, names: Sequence[str], fields: Sequence[Field]
) -> tuple[list[Patient], tuple[str, ...]]:
    """Look up each photograph's context in a table, and say what was matched and what not read.

    Raises:
        DataError: the table breaks a rule of :func:`model.data.context.read_metadata`. It names the
            file, not its place on the server.
    """
    if table is None:
        return [Patient()] * len(names), ()
    with _without_place(table):
        found, notes = find_context(table, names, fields)
    return [patient or Patient() for patient in found], notes


def boxes_of(table: Path | None, names: Sequence[str]) -> list[Box | None]:
    """The boxes of lesions that a table gives, for each photograph.

    Raises:
        DataError: a box breaks a rule of :func:`model.data.context.find_boxes`.
    """
    if table is None:
        return [None] * len(names)
    with _without_place(table):
        return find_boxes(table, names)


@contextmanager
def _without_place(table: Path) -> Iterator[None]:
    """Let errors name the file, not its place on the server."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).replace(str(table), table.name)) from error


def predict_all(
    items: Sequence[Item],
    patients: Sequence[Patient],
    study: Callable[..., Study],  # as of Services
    *,
    boxes: Sequence[Box | None] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> BatchResult:
    """Predict for each photograph; what cannot be read is listed and stops nothing.

    ``boxes`` are those of lesions, None where one is to be found.
    """
    result, boxes = BatchResult(), boxes or [None] * len(items)
    for item, patient, box in progress(list(zip(items, patients, boxes, strict=True))):
        try:
            if isinstance(item.content, ImageError):
                raise item.content
            if item.name in result.rows:
                raise ImageError(f"{item.name} came twice. Give the second another name.")
            result.rows[item.name] = _answered(study(item.content, box=box), patient)
        except ImageError as error:
            result.refused.append((item.name, str(error)))
    return result


def _answered(study: Study, patient: Patient) -> Answered:
    small = study.photograph.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    record = prediction_record(study, patient)
    return Answered(study.probabilities(patient), patient, doubts(study), small, record)


def to_csv(rows: Mapping[str, Mapping[str, float]], codes: Sequence[str]) -> str:
    """Write predictions in the challenge's format."""
    text = io.StringIO()
    table = PredictionTable(text, codes)
    for name, row in rows.items():
        table.write(name, [row[code] for code in codes])
    return text.getvalue()


def to_lines(rows: Mapping[str, Answered]) -> str:
    """Write what ``predict --json`` does: a line of JSON per photograph."""
    return "".join(f"{prediction_line(name, row.record)}\n" for name, row in rows.items())


def _require_room(images: int, unpacked: int) -> None:
    if images <= MOST_IMAGES and unpacked <= MOST_UNPACKED:
        return
    many = f"more than {MOST_IMAGES:,} photographs"
    large = f"zip files with more than {MOST_UNPACKED >> 20} MB of photographs"
    raise ImageError(
        f"there are {many if images > MOST_IMAGES else large}. Give fewer at a time, or use: "
        "python -m model predict"
    )


def _members(file: Path) -> Iterator[Item]:
    try:
        with ZipFile(file) as archive:
            for member in archive.infolist()[: 10 * MOST_IMAGES]:
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if not member.is_dir() and not any(map(is_hidden, path.parts)):
                    yield Item(image_name(path.name), _read(archive, member, path.name))
    except _UNZIP_ERRORS as error:
        raise ImageError(
            f"{file.name} is not a whole zip file ({error}). Pack it again."
        ) from error


def _read(archive: ZipFile, member: ZipInfo, name: str) -> bytes | ImageError:
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return ImageError(f"{name} is packed by a method that is not read. Pack it as usual zip.")
    if member.file_size > MOST_BYTES:  # before the work: a thousand of them are soon packed
        return ImageError(f"{name} is larger than {MOST_BYTES >> 20} MB. Reduce it.")
    try:
        with archive.open(member) as content:
            # No more than stated is given; the bound keeps one that states less out of memory.
            head = content.read(HEAD)
            refuse_other_kinds(head, name)
            if content_kind(head) is None and PurePosixPath(name).suffix.lower() not in SUFFIXES:
                return ImageError(f"{name} is no photograph: passed over.")
            return head + content.read(MOST_BYTES + 1 - HEAD)
    except ImageError as error:
        return error
    except _UNZIP_ERRORS as error:
        return ImageError(f"{name} cannot be unpacked: {error}.")
