"""A few of the Archive's images for a web page: thumbnails, and CC-0 photographs.

A page must not wait for the Archive: after a failure, requests pause for some minutes.
"""

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path

import requests

from isic_api.client import IsicClient
from isic_api.download import FULL, Variant, identity_encoding, require_id
from isic_api.errors import ArchiveError, NotFoundError
from isic_api.files import whole_file
from isic_api.folder import verify_image
from isic_api.query import id_queries
from isic_api.records import ImageRecord

log = logging.getLogger(__name__)

CC0_PHOTOGRAPHS = 'copyright_license:"CC-0" AND image_type:dermoscopic'

_PAUSE = 600.0  # seconds without requests after a failure
_MAX_RECORDS = 500  # records that are searched for one image per diagnosis
_MAX_BYTES = 20 << 20  # bytes of an accepted file


@dataclass(frozen=True)
class Photograph:
    """A downloaded image and its record in the Archive."""

    record: ImageRecord
    diagnosis: str  # the challenge's class code
    path: Path


class Showcase:
    """Images for a page, requested with short timeouts; thread-safe."""

    def __init__(self, client: IsicClient) -> None:
        """Take a client; give it few attempts and short timeouts."""
        self._client = client
        self._paused_until = 0.0
        self._thumbnail = lru_cache(maxsize=512)(self._fetch_thumbnail)  # failures are not cached

    def photographs(
        self, folder: Path, *, codes: Collection[str], exclude: Collection[str], count: int
    ) -> Iterator[Photograph]:
        """Download CC-0 dermoscopic photographs of different diagnoses into ``folder``.

        Images whose id is in ``exclude`` are left out; a file that is there already is not
        downloaded again.

        Raises:
            OSError: the Archive cannot be reached or answers with an error.
        """
        folder.mkdir(parents=True, exist_ok=True)
        missing = set(codes)
        try:
            for record in islice(self._client.search(CC0_PHOTOGRAPHS), _MAX_RECORDS):
                code = record.challenge_class
                if code not in missing or record.isic_id in exclude:
                    continue
                missing.remove(code)
                yield Photograph(record, code, self._stored(record, folder))
                if not missing or len(codes) - len(missing) == count:
                    return
        except ArchiveError as error:
            raise OSError(f"no photographs from the ISIC Archive: {error}") from error

    def credits(self, isic_ids: Collection[str]) -> dict[str, str]:
        """Image id → the image's own attribution; empty if the Archive fails.

        The search gives the attribution of an image's cohort, which may differ.
        """
        try:
            return {
                record.isic_id: record.attribution
                for query in id_queries(sorted(isic_ids))
                for record in self._client.zip_metadata(query)
            }
        except ArchiveError as error:
            log.info("no attributions: %s", error)
            return {}

    def thumbnail(self, isic_id: str) -> bytes | None:
        """JPEG of an image, at most 256 pixels per side; None if it is not available."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            return self._thumbnail(isic_id)
        except NotFoundError:
            return None
        except ArchiveError as error:
            log.info("no thumbnail of %s: %s", isic_id, error)
            self._paused_until = time.monotonic() + _PAUSE
            return None

    def _fetch_thumbnail(self, isic_id: str) -> bytes:
        return self._fetch(self._client.image(isic_id), Variant(thumbnail=True))

    def _stored(self, record: ImageRecord, folder: Path) -> Path:
        require_id(record.isic_id)
        path = folder / f"{record.isic_id}.jpg"
        if not path.exists():
            content = self._fetch(record, FULL)
            with whole_file(path) as partial:
                partial.write_bytes(content)
        return path

    def _fetch(self, record: ImageRecord, variant: Variant) -> bytes:
        session = self._client.files

        def read(response: requests.Response) -> bytes:
            body = BytesIO()
            for chunk in session.read_body(response):
                if body.tell() + len(chunk) > _MAX_BYTES:
                    raise ArchiveError(f"{record.isic_id} is larger than {_MAX_BYTES >> 20} MB.")
                body.write(chunk)
            verify_image(body, record.isic_id)
            return body.getvalue()

        return session.fetch(variant.link(record).url, read, headers=identity_encoding)
