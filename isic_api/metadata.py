"""The CSV files of a data folder, made from its journals.

``GroundTruth.csv`` and ``Metadata.csv`` have the official layout of the ISIC 2019 challenge,
``metadata_full.csv`` has every field that the Archive gives.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from isic_api.errors import BadFileError
from isic_api.files import PlainWriter, whole_file
from isic_api.folder import DataFolder
from isic_api.records import ImageRecord
from isic_api.vocabulary import CHALLENGE_CLASSES, SITE_COLUMN, UNKNOWN_CLASS

FULL_NAME = "metadata_full.csv"  # must not end in Metadata.csv, which readers look for
TRUTH_HEADER = ("image", *CHALLENGE_CLASSES, UNKNOWN_CLASS)
METADATA_COLUMNS: dict[str, Callable[[ImageRecord], Any]] = {
    "age_approx": lambda record: record.metadata.age_approx,
    SITE_COLUMN: lambda record: record.challenge_site,
    "lesion_id": lambda record: record.metadata.lesion_id,
    "sex": lambda record: record.challenge_sex,
}
"""Column of ``Metadata.csv`` → the image's value; a further field of the Archive is one line."""
_FIRST = ("isic_id", "attribution", "copyright_license")


@dataclass
class Written:
    """What went into the CSV files."""

    images: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0  # without a diagnosis, hence not in the ground truth
    not_jpeg: int = 0  # in metadata_full.csv only, since the layout expects .jpg
    attributions: Counter[str] = field(default_factory=Counter)  # the images' own
    cohorts: Counter[str] = field(default_factory=Counter)  # of images without their own
    licenses: Counter[str] = field(default_factory=Counter)

    def count(self, record: ImageRecord, attribution: str | None) -> None:
        """Count one image; its cohort's attribution counts where its own is None."""
        self.images += 1
        if attribution is None:
            self.cohorts[record.attribution] += 1
        else:
            self.attributions[attribution] += 1
        self.licenses[record.copyright_license] += 1

    def label(self, label: str | None) -> None:
        """Count one challenge class; None is an image without a diagnosis."""
        if label is None:
            self.unlabelled += 1
        else:
            self.classes[label] += 1


def write_metadata(
    folder: DataFolder,
    *,
    prefix: str = "",
    labels: Mapping[str, str] | None = None,
) -> Written:
    """Write all three files for the images in the folder, in the order of the listing.

    An image whose own attribution is missing has an empty cell there. prefix: of the two
    challenge files' names. labels: image id → challenge class, instead of the Archive's.
    """
    written = Written()
    columns = (*_FIRST, *sorted(folder.columns))
    with ExitStack() as stack:
        truth = _open(stack, folder, f"{prefix}GroundTruth.csv", TRUTH_HEADER)
        metadata = _open(stack, folder, f"{prefix}Metadata.csv", metadata_header())
        full = _open(stack, folder, FULL_NAME, columns)
        for record, file in _present(folder):
            attribution = folder.attributions.get(record.isic_id)
            written.count(record, attribution)
            full.writerow(full_row(record, columns, attribution or ""))
            if not file.endswith(".jpg"):
                written.not_jpeg += 1
                continue
            metadata.writerow(_metadata_row(record))
            label = record.challenge_class if labels is None else labels.get(record.isic_id)
            written.label(label)
            if label is not None:
                truth.writerow(truth_row(record.isic_id, label))
    return written


def write_challenge(
    folder: DataFolder, rows: Iterable[tuple[str, str | None, Sequence[str]]], *, prefix: str
) -> Written:
    """Write the two challenge files from rows of image, label and metadata cells."""
    written = Written()
    with ExitStack() as stack:
        truth = _open(stack, folder, f"{prefix}GroundTruth.csv", TRUTH_HEADER)
        metadata = _open(stack, folder, f"{prefix}Metadata.csv", metadata_header())
        for image, label, cells in rows:
            written.images += 1
            written.label(label)
            metadata.writerow([image, *cells])
            if label is not None:
                truth.writerow(truth_row(image, label))
    return written


def write_rows(
    out: Path | IO[str],
    records: Callable[[], Iterable[ImageRecord]],
    *,
    attributions: Mapping[str, str],
    extra: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a metadata CSV with all fields of ``records``; a file is written atomically.

    ``extra`` has further cells by image id and column.
    """
    columns = {name for record in records() for name, _ in record.metadata.given()}
    columns |= {name for cells in extra.values() for name in cells}
    header = (*_FIRST, *sorted(columns))
    with ExitStack() as stack:
        if isinstance(out, Path):
            part = stack.enter_context(whole_file(out))
            out = stack.enter_context(part.open("w", encoding="utf-8", newline=""))
        writer = _writer(out, header)
        for record in records():
            row = full_row(record, header, attributions.get(record.isic_id, ""))
            cells = extra.get(record.isic_id, {})
            writer.writerow([cells.get(name, cell) for name, cell in zip(header, row, strict=True)])


def write_disagreements(folder: DataFolder, differing: Iterable[tuple[str, str, str]]) -> None:
    """Rows of image, the Archive's class, the challenge's class."""
    with ExitStack() as stack:
        rows = _open(stack, folder, "label_disagreements.csv", ("image", "archive", "challenge"))
        rows.writerows(differing)


def truth_row(image: str, label: str) -> list[str]:
    """One-hot in the columns of ``TRUTH_HEADER``."""
    return [image, *("1.0" if name == label else "0.0" for name in TRUTH_HEADER[1:])]


def full_row(record: ImageRecord, columns: Iterable[str], attribution: str) -> list[Any]:
    """The cells of ``columns`` in their order; what the Archive does not give is empty."""
    values = dict(record.metadata.given())
    values |= {"isic_id": record.isic_id, "copyright_license": record.copyright_license}
    values["attribution"] = attribution
    return [values.get(column, "") for column in columns]


def read_truth(path: Path) -> dict[str, str]:
    """Image name → class, from a ground truth of the challenge.

    Raises BadFileError, as :func:`read_challenge_metadata` does.
    """
    return {
        row["image"]: name
        for row in _challenge_rows(path, ("image", *CHALLENGE_CLASSES))
        for name in TRUTH_HEADER[1:]
        if float(row.get(name) or 0) == 1.0
    }


def read_challenge_metadata(path: Path) -> dict[str, list[str]]:
    """Image → the cells of ``METADATA_COLUMNS``; the test part has no ``lesion_id``."""
    return {
        row["image"]: [row.get(name) or "" for name in METADATA_COLUMNS]
        for row in _challenge_rows(path, ("image", "age_approx", SITE_COLUMN, "sex"))
    }


def _challenge_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Raise BadFileError for anything that is not the table, such as an HTML log-in page."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if set(columns) <= set(rows.fieldnames or ()):
                return list(rows)
    except (UnicodeDecodeError, csv.Error):
        pass
    raise BadFileError(
        f"{path} is not the challenge's table, which has the columns {', '.join(columns)}: delete "
        "it, check --challenge-url and run the same command again."
    )


def _present(folder: DataFolder) -> Iterator[tuple[ImageRecord, str]]:
    for record in folder.descriptions():
        file = folder.file_of(record.isic_id)
        if file is not None:
            yield record, file


def metadata_header() -> tuple[str, ...]:
    """The columns of ``Metadata.csv``, in their order."""
    return ("image", *METADATA_COLUMNS)


def _metadata_row(record: ImageRecord) -> list[Any]:
    cells = (value(record) for value in METADATA_COLUMNS.values())
    return [record.isic_id, *("" if cell is None else cell for cell in cells)]


def _open(stack: ExitStack, folder: DataFolder, name: str, header: Iterable[str]) -> PlainWriter:
    part = stack.enter_context(folder.writing(name))
    return _writer(stack.enter_context(part.open("w", encoding="utf-8", newline="")), header)


def _writer(file: IO[str], header: Iterable[str]) -> PlainWriter:
    writer = PlainWriter(file)
    writer.writerow(header)
    return writer
