"""The metadata of a selection as one CSV, without images: written atomically, and resumable.

Rows are collected in ``OUT.csv.partial.jsonl`` beside the file, so that an interrupted export
continues where it stopped. It is removed once nothing is missing.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from isic_api.attribution import own_attributions
from isic_api.client import IsicClient
from isic_api.console import disk_of_stdout
from isic_api.errors import EmptyResultError, IncompleteListingError, NotFoundError
from isic_api.files import disk_errors
from isic_api.journal import Journal
from isic_api.metadata import write_rows
from isic_api.records import ImageRecord, Lesion
from isic_api.report import Progress
from isic_api.selection import Selection, covering_queries, select_images
from isic_api.session import Bookmark

_ASK_SINGLY = 100  # lesions; beyond that, listing all lesions takes fewer requests


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
        collections: Add a column with the names of the collections that hold the image, out of
            the selection's and the pinned ones, which include the challenges.
        outcomes: Add the columns ``outcome_diagnosis_1`` to ``_5`` of the image's lesion.
        progress: Shows the listing and keeps warnings.
    """
    progress = progress or Progress(quiet=True)
    with contextlib.ExitStack() as stack:
        if isinstance(out, Path):
            path = out.with_name(out.name + ".partial.jsonl")
        else:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.jsonl"
        with disk_errors(path), _Rows(path, _request(client, selection)) as rows:
            unknown = _list(client, selection, rows, progress)
            if not rows.ids:
                rows.keep = False
                raise EmptyResultError("Nothing matches: no row was written.")
            _attribute(client, selection, rows, progress)
            extra: dict[str, dict[str, str]] = {}
            if collections:
                _merge(extra, _collection_names(client, selection, rows.ids))
            if outcomes:
                _merge(extra, _outcomes(client, rows))
            with disk_of_stdout() if out is sys.stdout else contextlib.nullcontext():
                write_rows(out, rows.records, attributions=rows.attributions, extra=extra)
            exported = Exported(len(rows.ids), unknown, len(rows.ids) - len(rows.attributions))
            rows.keep = bool(exported.unattributed)
    return exported


class _Rows:
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

    def __enter__(self) -> "_Rows":
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

    def add(self, record: ImageRecord, at: Bookmark) -> None:
        entry = {"record": record.to_json(), "cursor": at.cursor, "total": at.total}
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


def _request(client: IsicClient, selection: Selection) -> dict[str, Any]:
    return {
        "archive": client.base_url,
        "query": selection.query,
        "collections": list(selection.collection_ids),
        "ids": list(selection.ids),
        "limit": selection.limit,
    }


def _list(client: IsicClient, selection: Selection, rows: _Rows, progress: Progress) -> list[str]:
    """Read the listing to its end; returns the ids that the Archive does not have."""
    if rows.listed:
        return [isic_id for isic_id in selection.ids if isic_id not in rows.ids]
    if rows.ids:
        progress.say(f"continuing after {len(rows.ids):,} rows of an earlier run")
    unknown: list[str] = []
    done = len(rows.ids)
    at = Bookmark(rows.bookmark.cursor, rows.bookmark.total, set(rows.ids))
    try:
        for record in select_images(
            client,
            selection,
            on_count=lambda count: progress.start(count - done),
            on_unknown=unknown.append,
            bookmark=at,
        ):
            rows.add(record, at)
            progress.image()
    except IncompleteListingError:
        rows.keep = False  # the next run starts over
        raise
    finally:
        progress.close()
    rows.end_listing()
    return unknown


def _attribute(client: IsicClient, selection: Selection, rows: _Rows, progress: Progress) -> None:
    missing = rows.ids - rows.attributions.keys()
    found = own_attributions(client, missing, collections=selection.collections, warn=progress.warn)
    for isic_id, attribution in found:
        rows.attribute(isic_id, attribution)


def _collection_names(
    client: IsicClient, selection: Selection, ids: set[str]
) -> dict[str, dict[str, str]]:
    """Image id → its cell; two requests for a collection and some thousand images."""
    known = {one.id: one for one in (*selection.collections, *client.collections(pinned=True))}
    names: dict[str, list[str]] = {isic_id: [] for isic_id in ids}
    for collection in known.values():
        for query in covering_queries(ids):
            for record in client.zip_metadata(query, collections=[collection.id]):
                if record.isic_id in names:
                    names[record.isic_id].append(collection.name)
    return {isic_id: {"collections": "; ".join(sorted(held))} for isic_id, held in names.items()}


def _outcomes(client: IsicClient, rows: _Rows) -> dict[str, dict[str, str]]:
    """Image id → the cells of its lesion's outcome."""
    lesion_of = {record.isic_id: record.metadata.lesion_id for record in rows.records()}
    wanted = set(filter(None, lesion_of.values()))
    outcomes = {
        lesion.id: {
            f"outcome_diagnosis_{level}": name
            for level, name in enumerate(lesion.outcome, 1)
            if name
        }
        for lesion in _lesions(client, wanted)
    }
    return {isic_id: outcomes.get(lesion or "", {}) for isic_id, lesion in lesion_of.items()}


def _lesions(client: IsicClient, wanted: set[str]) -> Iterator[Lesion]:
    if len(wanted) > _ASK_SINGLY:
        yield from (lesion for lesion in client.lesions() if lesion.id in wanted)
        return
    for lesion_id in sorted(wanted):
        with contextlib.suppress(NotFoundError):  # its outcome is not public
            yield client.lesion(lesion_id)


def _merge(cells: dict[str, dict[str, str]], more: Mapping[str, Mapping[str, str]]) -> None:
    for isic_id, row in more.items():
        cells.setdefault(isic_id, {}).update(row)
