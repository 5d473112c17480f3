"""Which images: a search, a list of ids, the first N, or N of each class."""

import codecs
import contextlib
import csv
import hashlib
import heapq
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from isic_api.client import IsicClient
from isic_api.errors import BadIdListError
from isic_api.query import IDS_PER_QUERY, ids_query, in_chunks
from isic_api.records import Collection, ImageRecord
from isic_api.session import Bookmark
from isic_api.vocabulary import archive_id, is_image_id

_ID_COLUMNS = {"isic_id", "image", "image_name", "image_id", "id"}
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Selection:
    """What was requested. ``ids`` excludes the other criteria, which are combined.

    limit: the first N, oldest first. sample_per_class, instead of a limit: N of each challenge
    class and of UNK, drawn by a hash of the id, so that the sample is reproducible.
    """

    query: str = ""
    collections: tuple[Collection, ...] = ()
    ids: tuple[str, ...] = ()
    limit: int | None = None
    sample_per_class: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether it is only a part of what its query matches."""
        return bool(self.ids) or self.limit is not None or self.sample_per_class is not None

    @property
    def collection_ids(self) -> tuple[int, ...]:
        """Ids in the order of ``collections``."""
        return tuple(collection.id for collection in self.collections)

    def first_query(self) -> str:
        """A query for the first images, whose sizes are representative."""
        return ids_query(self.ids[:IDS_PER_QUERY]) if self.ids else self.query


def select_images(
    client: IsicClient,
    selection: Selection,
    *,
    on_count: Callable[[int], None],
    on_unknown: Callable[[str], None],
    bookmark: Bookmark | None = None,
) -> Iterator[ImageRecord]:
    """Yield the selected images; ``on_count`` is told the expected number before the first.

    ``on_unknown`` gets each of the ``ids`` that the Archive does not have. Images in
    ``bookmark`` are skipped. Raises as :meth:`~isic_api.client.IsicClient.search`.
    """
    bookmark = bookmark or Bookmark()
    if selection.ids:
        on_count(len(selection.ids))
        ids = tuple(isic_id for isic_id in selection.ids if isic_id not in bookmark.seen)
        yield from _by_id(client, ids, on_unknown)
        return
    collections = selection.collection_ids
    if selection.sample_per_class is not None:
        found = client.search(selection.query, collections=collections)
        sample = _sample(found, selection.sample_per_class)
        on_count(len(sample))
        yield from sample
        return
    limit = selection.limit
    if limit is not None and len(bookmark.seen) >= limit:
        return
    left = None if limit is None else limit - len(bookmark.seen)
    found = client.search(
        selection.query,
        collections=collections,
        on_count=lambda count: on_count(count if limit is None else min(count, limit)),
        bookmark=bookmark,
    )
    yield from islice(found, left)


def read_ids(path: Path) -> tuple[str, ...]:
    """The ids of a text or CSV file, or of standard input if ``path`` is ``-``.

    They are in the column with a name of ``_ID_COLUMNS``, else in the first. Blank lines and
    # comments are skipped; file names are accepted as ids.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as cause:
        raise BadIdListError(f"The id list {name} cannot be read: {cause}.") from cause
    lines = [line.split("#")[0] for line in _decoded(content, name).splitlines()]
    separator = max(",;\t", key=next(filter(str.strip, lines), "").count)
    ids: dict[str, None] = {}
    column = 0
    for number, row in enumerate(csv.reader(lines, delimiter=separator), 1):
        cells = [cell.strip() for cell in row]
        header = [at for at, cell in enumerate(cells) if cell.casefold() in _ID_COLUMNS]
        if header and not ids:
            column = header[0]
        elif any(cells):
            cell = cells[column] if column < len(cells) else ""
            isic_id = archive_id(PurePosixPath(cell.replace("\\", "/")).stem)
            if not is_image_id(isic_id):
                raise BadIdListError(
                    f"{name}, line {number}: {cell!r} is not an id like ISIC_0000000."
                )
            ids[isic_id] = None
    if not ids:
        raise BadIdListError(f"{name} contains no id; write one per line, like ISIC_0000000.")
    return tuple(ids)


def _decoded(content: bytes, name: str) -> str:
    """UTF-8, UTF-16 with a BOM, or a Western code page: ids are the same in all of them."""
    if content.startswith(b"PK") or (b"\0" in content and content[:2] not in _UTF16_BOMS):
        raise BadIdListError(
            f"The id list {name} cannot be read: it is not a text file. Save it as CSV (UTF-8)."
        )
    for encoding in ("utf-16",) if content[:2] in _UTF16_BOMS else ("utf-8-sig",):
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("cp1252", errors="replace")


def rank(isic_id: str) -> int:
    """A reproducible random number for an image; a sample takes the lowest."""
    return int.from_bytes(hashlib.sha256(isic_id.encode()).digest()[:8], "big")


def _by_id(
    client: IsicClient, ids: tuple[str, ...], on_unknown: Callable[[str], None]
) -> Iterator[ImageRecord]:
    for chunk in in_chunks(ids):
        found = {record.isic_id: record for record in client.search(ids_query(chunk))}
        for isic_id in chunk:
            if isic_id in found:
                yield found[isic_id]
            else:
                on_unknown(isic_id)


def _sample(records: Iterable[ImageRecord], size: int) -> list[ImageRecord]:
    """Up to ``size`` of each class; an image without a diagnosis is in none."""
    drawn: dict[str, list[tuple[int, str, ImageRecord]]] = {}
    for record in records:
        if record.challenge_class is None:
            continue
        heap = drawn.setdefault(record.challenge_class, [])
        heapq.heappush(heap, (-rank(record.isic_id), record.isic_id, record))
        if len(heap) > size:
            heapq.heappop(heap)
    chosen = [record for heap in drawn.values() for _, _, record in heap]
    return sorted(chosen, key=lambda record: record.isic_id)
