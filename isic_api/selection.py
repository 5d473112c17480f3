"""Which images: a search, a list of ids, the first so many, or so many of each class."""

import hashlib
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from isic_api.client import IsicClient
from isic_api.errors import BadIdListError
from isic_api.image_id import archive_id, is_image_id
from isic_api.records import Collection as ArchiveCollection
from isic_api.records import ImageRecord

_IDS_PER_QUERY = 100  # the server takes a request line of 8 KB
_TERMS_PER_QUERY = 150  # in the body of a request, whose token must fit into such a line
_SUPERSET = 1000  # images that one prefix may stand for, however few are wanted


@dataclass(frozen=True)
class Selection:
    """What was asked for. ``ids`` stands alone; the rest narrow each other.

    limit: the first so many, oldest first. sample_per_class, instead of a limit: so many of each
    challenge class and of UNK, drawn by a hash of the id, so that the same are drawn again.
    """

    query: str = ""
    collections: tuple[ArchiveCollection, ...] = ()
    ids: tuple[str, ...] = ()
    limit: int | None = None
    sample_per_class: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether it is a part of what its query matches."""
        return bool(self.ids) or self.limit is not None or self.sample_per_class is not None

    @property
    def collection_ids(self) -> tuple[int, ...]:
        return tuple(collection.id for collection in self.collections)

    def first_query(self) -> str:
        """A query that tells how large the images are."""
        return ids_query(self.ids[:_IDS_PER_QUERY]) if self.ids else self.query


def choose(
    client: IsicClient,
    selection: Selection,
    *,
    on_count: Callable[[int], None],
    on_unknown: Callable[[str], None],
) -> Iterator[ImageRecord]:
    """The selected images; ``on_count`` is told how many are expected before the first.

    ``on_unknown`` gets each of the ``ids`` that the Archive does not have. Raises as
    :meth:`~isic_api.client.IsicClient.search`.
    """
    if selection.ids:
        on_count(len(selection.ids))
        yield from _by_id(client, selection.ids, on_unknown)
        return
    collections = selection.collection_ids
    if selection.sample_per_class is not None:
        found = client.search(selection.query, collections=collections)
        sample = _sample(found, selection.sample_per_class)
        on_count(len(sample))
        yield from sample
        return
    limit = selection.limit
    found = client.search(
        selection.query,
        collections=collections,
        on_count=lambda count: on_count(count if limit is None else min(count, limit)),
    )
    yield from islice(found, limit)


def ids_query(ids: Iterable[str]) -> str:
    return " OR ".join(f"isic_id:{isic_id}" for isic_id in ids)


def id_queries(ids: Iterable[str]) -> Iterator[str]:
    """Queries that together match ``ids``, each short enough for the server."""
    return (ids_query(chunk) for chunk in _chunks(tuple(ids)))


def covering_queries(ids: Collection[str]) -> Iterator[str]:
    """Few queries that match all ``ids``, and others between them: they ask for prefixes."""
    terms: list[str] = sorted(ids)
    digits = 1
    while len(terms) > _TERMS_PER_QUERY and 10**digits <= max(_SUPERSET, len(ids)):
        terms = sorted({f"{isic_id[:-digits]}*" for isic_id in ids})
        digits += 1
    return (ids_query(chunk) for chunk in _chunks(tuple(terms), _TERMS_PER_QUERY))


def _chunks(ids: tuple[str, ...], size: int = _IDS_PER_QUERY) -> Iterator[tuple[str, ...]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def read_ids(path: Path) -> tuple[str, ...]:
    """One id a line, or the first column of a CSV; blank lines and # comments are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise BadIdListError(f"The id list {path} cannot be read: {cause}.") from cause
    ids = {}
    for number, line in enumerate(lines, 1):
        cell = line.split("#")[0].split(",")[0].strip().strip('"')
        if not cell or (number == 1 and cell in ("isic_id", "image")):
            continue
        isic_id = archive_id(cell)
        if not is_image_id(isic_id):
            raise BadIdListError(f"{path}, line {number}: {cell!r} is not an id like ISIC_0000000.")
        ids[isic_id] = None
    if not ids:
        raise BadIdListError(f"{path} holds no id; write one a line, like ISIC_0000000.")
    return tuple(ids)


def rank(isic_id: str) -> int:
    """A random number that is always the same for one image: a sample takes the lowest."""
    return int.from_bytes(hashlib.sha256(isic_id.encode()).digest()[:8], "big")


def _by_id(
    client: IsicClient, ids: tuple[str, ...], on_unknown: Callable[[str], None]
) -> Iterator[ImageRecord]:
    for chunk in _chunks(ids):
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
