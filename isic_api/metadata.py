"""The CSV files: those of a data folder, made from its journals, and the metadata without images.

``GroundTruth.csv`` and ``Metadata.csv`` have the official layout of the ISIC 2019 challenge,
``metadata_full.csv`` has every field that the Archive provides.

:func:`export_metadata` collects its rows in ``OUT.csv.partial.jsonl`` beside the file, so that an
interrupted export continues where it stopped. It is removed once nothing is missing.
"""

import contextlib
import csv
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from isic_api.attribution import own_attributions
from isic_api.client import IsicClient
from isic_api.console import disk_of_stdout
from isic_api.errors import BadFileError, EmptyResultError, IncompleteListingError, NotFoundError
from isic_api.files import Journal, PlainWriter, disk_errors, whole_file
from isic_api.folder import DataFolder
from isic_api.query import covering_queries
from isic_api.records import ImageRecord, Lesion
from isic_api.report import Progress, Written
from isic_api.selection import Selection, select_images
from isic_api.session import Bookmark
from isic_api.vocabulary import CHALLENGE_CLASSES, SITE_COLUMN, UNKNOWN_CLASS

TRUTH_HEADER = ("image", *CHALLENGE_CLASSES, UNKNOWN_CLASS)
METADATA_COLUMNS: dict[str, Callable[[ImageRecord], Any]] = {
    "age_approx": lambda record: record.metadata.age_approx,
    SITE_COLUMN: lambda record: record.challenge_site,
    "lesion_id": lambda record: record.metadata.lesion_id,
    "sex": lambda record: record.challenge_sex,
}
"""Column of ``Metadata.csv`` → the image's value; a further field of the Archive is one line."""

_FULL_NAME = "metadata_full.csv"  # must not end in Metadata.csv, which readers look for
_LEADING_COLUMNS = ("isic_id", "attribution", "copyright_license")
_ASK_SINGLY = 100  # lesions; beyond that, listing all lesions takes fewer requests


# === The tables of a folder ===


def write_metadata(
    folder: DataFolder, *, prefix: str = "", labels: Mapping[str, str] | None = None
) -> Written:
    """Write all three files for the images in the folder, in the order of the listing.

    An image whose own attribution is missing has an empty cell there.

    Args:
        folder: Where the images and their journals are.
        prefix: Of the names of the two challenge files.
        labels: Image id → challenge class, instead of the Archive's.
    """
    written = Written()
    columns = (*_LEADING_COLUMNS, *sorted(folder.columns))
    with ExitStack() as stack:
        truth, metadata = _open_challenge_tables(stack, folder, prefix)
        full = _open_table(stack, folder, _FULL_NAME, columns)
        for record in folder.descriptions():
            file = folder.file_of(record.isic_id)
            if file is None:
                continue
            attribution = folder.attributions.get(record.isic_id)
            written.count(record, attribution)
            full.writerow(_full_row(record, columns, attribution or ""))
            if not file.endswith(".jpg"):
                written.not_jpeg += 1
                continue
            cells = (value(record) for value in METADATA_COLUMNS.values())
            metadata.writerow([record.isic_id, *("" if cell is None else cell for cell in cells)])
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
        truth, metadata = _open_challenge_tables(stack, folder, prefix)
        for image, label, cells in rows:
            written.images += 1
            written.label(label)
            metadata.writerow([image, *cells])
            if label is not None:
                truth.writerow(truth_row(image, label))
    return written


def write_disagreements(folder: DataFolder, differing: Iterable[tuple[str, str, str]]) -> None:
    """Rows of image, the Archive's class, the challenge's class."""
    header = ("image", "archive", "challenge")
    with ExitStack() as stack:
        _open_table(stack, folder, "label_disagreements.csv", header).writerows(differing)


def truth_row(image: str, label: str) -> list[str]:
    """One-hot in the columns of ``TRUTH_HEADER``."""
    return [image, *("1.0" if name == label else "0.0" for name in TRUTH_HEADER[1:])]


def _full_row(record: ImageRecord, columns: Iterable[str], attribution: str) -> list[Any]:
    """The cells of ``columns`` in their order; what the Archive does not give is empty."""
    values = dict(record.metadata.given())
    values |= {"isic_id": record.isic_id, "copyright_license": record.copyright_license}
    values["attribution"] = attribution
    return [values.get(column, "") for column in columns]


def _open_challenge_tables(
    stack: ExitStack, folder: DataFolder, prefix: str
) -> tuple[PlainWriter, PlainWriter]:
    header = ("image", *METADATA_COLUMNS)
    return (
        _open_table(stack, folder, f"{prefix}GroundTruth.csv", TRUTH_HEADER),
        _open_table(stack, folder, f"{prefix}Metadata.csv", header),
    )


def _open_table(
    stack: ExitStack, folder: DataFolder, name: str, header: Iterable[str]
) -> PlainWriter:
    part = stack.enter_context(folder.writing(name))
    writer = PlainWriter(stack.enter_context(part.open("w", encoding="utf-8", newline="")))
    writer.writerow(header)
    return writer


# === The challenge's own tables ===


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


# === Metadata without images ===


@dataclass
class Exported:
    """What an export wrote, and what is missing."""

    rows: int = 0
    unknown: list[str] = field(default_factory=list)  # ids that the Archive does not have
    unattributed: int = 0

    @property
    def complete(self) -> bool:
        """Whether every requested image has a row and its own attribution."""
        return not (self.unknown or self.unattributed)


def export_metadata(
    client: IsicClient,
    selection: Selection,
    out: Path | IO[str],
    *,
    collections: bool = False,
    outcomes: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write one row per image to ``out``, a path or an open text file.

    Args:
        client: Asks the Archive.
        selection: Which images.
        out: Left as it was unless all rows are there.
        collections: Add a column with the names of the collections that contain the image, out of
            the selection's and the pinned ones, which include the challenges.
        outcomes: Add the columns ``outcome_diagnosis_1`` to ``_5`` of the image's lesion.
        progress: Shows how far the listing is, and collects warnings.
    """
    progress = progress or Progress(quiet=True)
    with contextlib.ExitStack() as stack:
        if isinstance(out, Path):
            path = out.with_name(out.name + ".partial.jsonl")
        else:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.jsonl"
        with disk_errors(path), _ExportJournal(path, _request_key(client, selection)) as rows:
            unknown = _read_listing(client, selection, rows, progress)
            if not rows.ids:
                rows.keep = False
                raise EmptyResultError("Nothing matches: no row was written.")
            _fetch_attributions(client, selection, rows, progress)
            extra: defaultdict[str, dict[str, str]] = defaultdict(dict)
            if collections:
                _add_collections(extra, client, selection, rows.ids)
            if outcomes:
                _add_outcomes(extra, client, rows)
            _write_rows(out, rows, extra)
            exported = Exported(len(rows.ids), unknown, len(rows.ids) - len(rows.attributions))
            rows.keep = bool(exported.unattributed)
    return exported


class _ExportJournal:
    """The journal of one export: its request, then records and attributions as they come."""

    def __init__(self, path: Path, request: Mapping[str, Any]) -> None:
        self.path = path
        self.request = dict(request)
        self.keep = True  # for a later run
        self.listed = False
        self.bookmark = Bookmark()
        self.attributions: dict[str, str] = {}

    @property
    def ids(self) -> set[Any]:
        return self.bookmark.seen

    def __enter__(self) -> "_ExportJournal":
        self._journal = Journal(self.path)
        entries = [entry for _, entry in self._journal if "request" in entry]
        if entries != [{"request": self.request}]:
            self._journal.close()
            self.path.write_bytes(b"")
            self._journal = Journal(self.path)
            self._journal.append({"request": self.request})
        for _, entry in self._journal:
            self._read(entry)
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        if not (self.keep and self.ids):
            self.path.unlink()

    def _read(self, entry: Mapping[str, Any]) -> None:
        if "record" in entry:
            self.ids.add(entry["record"]["isic_id"])
            self.bookmark.cursor, self.bookmark.total = entry["cursor"], entry["total"]
        elif "attribution" in entry:
            self.attributions[entry["isic_id"]] = entry["attribution"]
        elif "listed" in entry:
            self.listed = True

    def add(self, record: ImageRecord, bookmark: Bookmark) -> None:
        entry = {"record": record.to_json(), "cursor": bookmark.cursor, "total": bookmark.total}
        self._journal.append(entry)
        self.ids.add(record.isic_id)

    def attribute(self, isic_id: str, attribution: str) -> None:
        self._journal.append({"isic_id": isic_id, "attribution": attribution})
        self.attributions[isic_id] = attribution

    def end_listing(self) -> None:
        self._journal.append({"listed": True})
        self.listed = True

    def records(self) -> Iterator[ImageRecord]:
        for _, entry in self._journal:
            if "record" in entry:
                yield ImageRecord.from_json(entry["record"])


def _write_rows(
    out: Path | IO[str], rows: "_ExportJournal", extra: Mapping[str, Mapping[str, str]]
) -> None:
    """Write all fields, and the ``extra`` cells by image id and column."""
    columns = {name for record in rows.records() for name, _ in record.metadata.given()}
    columns |= {name for cells in extra.values() for name in cells}
    header = (*_LEADING_COLUMNS, *sorted(columns))
    with ExitStack() as stack:
        if isinstance(out, Path):
            part = stack.enter_context(whole_file(out))
            out = stack.enter_context(part.open("w", encoding="utf-8", newline=""))
        elif out is sys.stdout:
            stack.enter_context(disk_of_stdout())
        writer = PlainWriter(out)
        writer.writerow(header)
        for record in rows.records():
            row = _full_row(record, header, rows.attributions.get(record.isic_id, ""))
            cells = extra.get(record.isic_id, {})
            writer.writerow([cells.get(name, cell) for name, cell in zip(header, row, strict=True)])


def _request_key(client: IsicClient, selection: Selection) -> dict[str, Any]:
    return {
        "archive": client.base_url,
        "query": selection.query,
        "collections": list(selection.collection_ids),
        "ids": list(selection.ids),
        "limit": selection.limit,
    }


def _read_listing(
    client: IsicClient, selection: Selection, rows: _ExportJournal, progress: Progress
) -> list[str]:
    """Read the listing to its end; returns the ids that the Archive does not have."""
    if rows.listed:
        return [isic_id for isic_id in selection.ids if isic_id not in rows.ids]
    if rows.ids:
        progress.say(f"continuing after {len(rows.ids):,} rows of an earlier run")
    unknown: list[str] = []
    done = len(rows.ids)
    bookmark = Bookmark(rows.bookmark.cursor, rows.bookmark.total, set(rows.ids))
    try:
        for record in select_images(
            client,
            selection,
            on_count=lambda count: progress.start(count - done),
            on_unknown=unknown.append,
            bookmark=bookmark,
        ):
            rows.add(record, bookmark)
            progress.image()
    except IncompleteListingError:
        rows.keep = False  # the next run starts over
        raise
    finally:
        progress.close()
    rows.end_listing()
    return unknown


def _fetch_attributions(
    client: IsicClient, selection: Selection, rows: _ExportJournal, progress: Progress
) -> None:
    missing = rows.ids - rows.attributions.keys()
    found = own_attributions(client, missing, collections=selection.collections, warn=progress.warn)
    for isic_id, attribution in found:
        rows.attribute(isic_id, attribution)


def _add_collections(
    extra: defaultdict[str, dict[str, str]],
    client: IsicClient,
    selection: Selection,
    ids: set[str],
) -> None:
    """A cell with the names of its collections for each image; few requests per collection."""
    known = {one.id: one for one in (*selection.collections, *client.collections(pinned=True))}
    names: dict[str, list[str]] = {isic_id: [] for isic_id in ids}
    for collection in known.values():
        for query in covering_queries(ids):
            for record in client.zip_metadata(query, collections=[collection.id]):
                if record.isic_id in names:
                    names[record.isic_id].append(collection.name)
    for isic_id, held in names.items():
        extra[isic_id]["collections"] = "; ".join(sorted(held))


def _add_outcomes(
    extra: defaultdict[str, dict[str, str]], client: IsicClient, rows: _ExportJournal
) -> None:
    """A cell for each level of the final diagnosis of the image's lesion."""
    lesion_of = {record.isic_id: record.metadata.lesion_id for record in rows.records()}
    wanted = set(filter(None, lesion_of.values()))
    outcomes = {lesion.id: lesion.outcome for lesion in _lesions(client, wanted)}
    for isic_id, lesion in lesion_of.items():
        for level, name in enumerate(outcomes.get(lesion or "", ()), 1):
            if name:
                extra[isic_id][f"outcome_diagnosis_{level}"] = name


def _lesions(client: IsicClient, wanted: set[str]) -> Iterator[Lesion]:
    if len(wanted) > _ASK_SINGLY:
        yield from (lesion for lesion in client.lesions() if lesion.id in wanted)
        return
    for lesion_id in sorted(wanted):
        with contextlib.suppress(NotFoundError):  # its outcome is not public
            yield client.lesion(lesion_id)
