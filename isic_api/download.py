"""Download a selection of images into a data folder, in parallel, and account for each one."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from tempfile import SpooledTemporaryFile
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from isic_api.attribution import attribution_text, own_attributions, write_licenses
from isic_api.client import IsicClient
from isic_api.errors import (
    ArchiveError,
    EmptyResultError,
    HostDownError,
    IncompleteListingError,
    RequestError,
    UnexpectedAnswerError,
)
from isic_api.files import disk_errors
from isic_api.folder import DataFolder, StoredImage
from isic_api.metadata import write_metadata
from isic_api.records import FileLink, ImageRecord
from isic_api.report import Progress, Report, write_failed
from isic_api.selection import Selection, select_images
from isic_api.session import Session
from isic_api.vocabulary import is_image_id

Item = TypeVar("Item")
Result = TypeVar("Result")

_SUFFIXES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png", ".tif": ".tif", ".tiff": ".tif"}
_IN_MEMORY = 32 << 20  # bytes


# === One image ===


@dataclass(frozen=True)
class Variant:
    """Which file of an image is stored; ``max_side`` shrinks larger images, in pixels."""

    thumbnail: bool = False
    max_side: int | None = None

    def __str__(self) -> str:
        kind = "thumbnail" if self.thumbnail else "full"
        return f"{kind}, at most {self.max_side} px" if self.max_side else kind

    def link(self, record: ImageRecord) -> FileLink:
        """Where to download the file; raises UnexpectedAnswerError if the record has no link."""
        link = record.thumbnail if self.thumbnail else record.full
        if link is None:
            raise UnexpectedAnswerError(f"{record.isic_id} has no link to its {self} file.")
        return link

    def bytes_of(self, record: ImageRecord) -> float:
        """An estimate of the stored size, from the Archive's records."""
        link = record.thumbnail if self.thumbnail else record.full
        size = 0 if link is None else link.size
        longest = max(record.metadata.pixels_x or 0, record.metadata.pixels_y or 0)
        if not self.max_side or longest <= self.max_side:
            return size
        return size * (self.max_side / longest) ** 2


FULL = Variant()


def fetch_image(
    session: Session, record: ImageRecord, *, folder: DataFolder, variant: Variant
) -> StoredImage:
    """Download and verify one image into its part file, for :meth:`DataFolder.add`.

    Raises RequestError after the last attempt.
    """
    require_id(record.isic_id)
    url = variant.link(record).url
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    name = record.isic_id + (".jpg" if variant.max_side else _SUFFIXES.get(suffix, ".jpg"))

    def read(response: requests.Response) -> StoredImage:
        digest = hashlib.sha256()
        with disk_errors(folder.root), SpooledTemporaryFile(_IN_MEMORY, dir=folder.parts) as body:
            for chunk in session.read_body(response):
                body.write(chunk)
                digest.update(chunk)
            size = folder.write_part(body, name, max_side=variant.max_side)
        return StoredImage(record.isic_id, name, size, digest.hexdigest(), str(variant))

    return session.fetch(url, read, retry_refusals=True, headers=identity_encoding)


def require_id(isic_id: str) -> None:
    """Raise UnexpectedAnswerError for an id that is unsafe as a file name."""
    if not is_image_id(isic_id):
        raise UnexpectedAnswerError(f"{isic_id!r} is not an image id; it is not stored.")


def identity_encoding() -> dict[str, str]:
    """Headers for an uncompressed transfer, whose length urllib3 can check."""
    return {"Accept-Encoding": "identity"}


# === Many images ===


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    on_result: Callable[[Result], None],
    stop: Callable[[], None],
) -> None:
    """Call ``work`` on every item in threads, and ``on_result`` here on every result, in any order.

    ``items`` is read only a few steps ahead of the work. An exception in ``work``, ``items`` or
    ``on_result``, or Ctrl-C, calls ``stop``, which should make ``work`` end soon; finished results
    are processed, then the exception is raised.
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    running = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="image") as pool:
        try:
            for item in items:
                pool.submit(work, item).add_done_callback(done.put)
                running += 1
                while running >= 4 * workers or not done.empty():
                    running -= 1
                    on_result(done.get().result())
            while running:
                running -= 1
                on_result(done.get().result())
        except BaseException:
            stop()
            pool.shutdown(wait=True, cancel_futures=True)
            while not done.empty():
                with contextlib.suppress(ArchiveError, CancelledError):
                    on_result(done.get().result())
            raise


def download_images(
    client: IsicClient,
    selection: Selection,
    out: Path,
    *,
    variant: Variant = FULL,
    workers: int = 16,
    progress: Progress | None = None,
    prefix: str = "",
    preface: str = "",
    labels: Mapping[str, str] | None = None,
    check_space: bool = True,
) -> Report:
    """Download what is missing in ``out``, and write the tables and texts that accompany it.

    An invalid request raises before anything is written; an error during the run is raised after
    the tables are written.

    Args:
        client: For the listing; its ``files`` session downloads the images.
        selection: Which images.
        out: A new folder, or that of an earlier run.
        variant: Which file of each image.
        workers: Parallel downloads.
        progress: Shows the run and collects warnings.
        prefix: Of the names of the two challenge tables.
        preface: Of ``attribution.txt``.
        labels: Image id → class in the ground truth, instead of the Archive's diagnoses.
        check_space: Raise DiskFullError before the first image if the disk seems too small.
    """
    progress = progress or Progress(quiet=True)
    client.require_valid_token(progress.warn)
    count, page = client.first_page(selection.first_query(), collections=selection.collection_ids)
    if not count and not selection.ids:
        raise EmptyResultError(_no_match_message(selection))
    with DataFolder(out) as folder:
        run = _DownloadRun(client, folder, selection, variant, progress, check_space)
        if check_space and selection.sample_per_class is None:
            folder.require_space(run.bytes_needed(count, page))
        began = datetime.now(UTC)
        try:
            run.download(workers)
        finally:
            progress.close()
            run.finish(prefix, preface, labels, began=began)
    return run.report


@dataclass
class _DownloadRun:
    client: IsicClient
    folder: DataFolder
    selection: Selection
    variant: Variant
    progress: Progress
    check_space: bool
    report: Report = field(default_factory=Report)
    unanswered: int = 0  # images in a row

    def download(self, workers: int) -> None:
        """Download everything that is missing. Raises only errors that must stop the run."""
        patience = max(workers, 8)
        with self.report.noting_why_it_stopped():
            in_parallel(
                self._fetch,
                self._missing(),
                workers=workers,
                on_result=lambda outcome: self._record(outcome, patience),
                stop=self.client.stop,
            )

    def _fetch(self, record: ImageRecord) -> StoredImage | tuple[str, RequestError]:
        try:
            image = fetch_image(self.client.files, record, folder=self.folder, variant=self.variant)
            self.folder.add(image)
            return image
        except RequestError as error:
            return record.isic_id, error

    def _missing(self) -> Iterator[ImageRecord]:
        """The listed images that are not here yet; records the metadata of each listed image."""
        try:
            for record in self._listing():
                self.folder.describe(record)
                if self._has(record.isic_id):
                    self.report.skipped += 1
                    self.progress.image()
                else:
                    yield record
        except (IncompleteListingError, RequestError) as error:
            self.report.listing = str(error)

    def _listing(self) -> Iterator[ImageRecord]:
        found = select_images(
            self.client, self.selection, on_count=self._expect, on_unknown=self._unknown
        )
        if self.selection.sample_per_class is None or not self.check_space:
            return found
        sample = list(found)
        self.folder.require_space(self._bytes_of(sample))
        return iter(sample)

    def bytes_needed(self, count: int, page: list[ImageRecord]) -> float:
        """An estimate for the images that are not here yet, from the first ``page``."""
        selection = self.selection
        mean = sum(map(self.variant.bytes_of, page)) / max(len(page), 1)
        if selection.ids:
            return mean * sum(not self._has(isic_id) for isic_id in selection.ids)
        expected = count if selection.limit is None else min(count, selection.limit)
        if expected <= len(page):
            return self._bytes_of(page[:expected])
        return max(0, (self._exact_bytes() or mean * expected) - self.folder.bytes_stored)

    def _exact_bytes(self) -> int:
        """The server's own sum, or 0 if it is not available."""
        selection = self.selection
        if self.variant != FULL or selection.bounded:
            return 0
        try:
            return self.client.size(selection.query, collections=selection.collection_ids)
        except RequestError as error:
            self.progress.warn(f"the size is estimated from the first images: {error}")
            return 0

    def _bytes_of(self, records: list[ImageRecord]) -> float:
        return sum(self.variant.bytes_of(one) for one in records if not self._has(one.isic_id))

    def _has(self, isic_id: str) -> bool:
        return self.folder.has(isic_id, str(self.variant))

    def _expect(self, count: int) -> None:
        self.report.requested = count
        self.progress.start(count)

    def _unknown(self, isic_id: str) -> None:
        self.report.failed.append((isic_id, "the Archive has no such image, or it is private"))

    def _record(self, outcome: StoredImage | tuple[str, RequestError], patience: int) -> None:
        if isinstance(outcome, StoredImage):
            self.report.downloaded += 1
            self.unanswered = 0
            self.progress.image(outcome.bytes)
            return
        isic_id, error = outcome
        self.report.failed.append((isic_id, str(error)))
        self.unanswered = self.unanswered + 1 if isinstance(error, HostDownError) else 0
        if self.unanswered >= patience:
            raise HostDownError(
                f"{patience} images in a row got no response; the last: {error} What has been "
                "downloaded is kept."
            )

    def finish(
        self, prefix: str, preface: str, labels: Mapping[str, str] | None, *, began: datetime
    ) -> None:
        """Write the tables and texts. A run that is being stopped sends no further requests."""
        folder, selection = self.folder, self.selection
        with self.report.finishing():
            if not self.report.stopped:
                self._attribute()
            written = write_metadata(folder, prefix=prefix, labels=labels)
            self.report.written = written
            text = attribution_text(
                written.attributions,
                preface=preface,
                cohorts=written.cohorts,
                collections=selection.collections,
            )
            account = {
                "query": selection.query,
                "collections": [
                    {"id": one.id, "name": one.name, "doi": one.doi}
                    for one in selection.collections
                ],
                "ids": len(selection.ids) or None,
                "limit": selection.limit,
                "sample_per_class": selection.sample_per_class,
                "files": str(self.variant),
                "archive": self.client.base_url,
                "began": began.isoformat(timespec="seconds"),
            }
            write_texts(
                folder,
                self.report,
                attribution=text,
                licenses=written.licenses,
                account=account,
                client=self.client,
                progress=self.progress,
            )

    def _attribute(self) -> None:
        """Fetch missing attributions, including those of images from earlier runs."""
        found = own_attributions(
            self.client,
            self.folder.unattributed(),
            collections=self.selection.collections,
            warn=self.progress.warn,
        )
        for isic_id, attribution in found:
            self.folder.attribute(isic_id, attribution)


def write_texts(
    folder: DataFolder,
    report: Report,
    *,
    attribution: str,
    licenses: Iterable[str],
    account: Mapping[str, Any],
    client: IsicClient,
    progress: Progress,
) -> None:
    """Write attribution, licences, ``failed.csv``, and ``query.json`` from the ``account``."""
    folder.write_text("attribution.txt", attribution)
    online = None if report.stopped else client
    report.unlicensed = write_licenses(folder, licenses, client=online, warn=progress.warn)
    write_failed(folder, report.failed)
    account = {
        **account,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": report.complete,
        "counts": report.counts(),
    }
    folder.write_text("query.json", json.dumps(account, indent=2) + "\n")


def _no_match_message(selection: Selection) -> str:
    where = ", ".join(repr(one.name) for one in selection.collections) or "the Archive"
    if not selection.query:
        return f"{where} has no image that is visible to you. Nothing was written."
    return (
        f"No image of {where} matches {selection.query!r}: values are case-sensitive, e.g. "
        'sex:male, diagnosis_3:"Nevus". Nothing was written.'
    )
