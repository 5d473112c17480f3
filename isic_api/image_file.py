"""One image: downloaded and verified, then written to a part file."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO
from urllib.parse import urlsplit

import requests
from PIL import Image

from isic_api.errors import BadFileError, UnexpectedAnswerError
from isic_api.files import disk_errors
from isic_api.folder import DataFolder, StoredImage
from isic_api.records import FileLink, ImageRecord
from isic_api.session import Session
from isic_api.vocabulary import is_image_id

_SUFFIXES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png", ".tif": ".tif", ".tiff": ".tif"}
_JPEG_QUALITY = 95
_IN_MEMORY = 32 << 20  # bytes
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart marker
_END_OF_IMAGE = 0xD9


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
        with disk_errors(folder.root), _spool(folder) as body:
            sha256 = _save(session, response, body)
            verify_picture(body, name)
            size = write_part(body, name, folder=folder, max_side=variant.max_side)
        return StoredImage(record.isic_id, name, size, sha256, str(variant))

    return session.fetch(url, read, retry_refusals=True, headers=identity_encoding)


def require_id(isic_id: str) -> None:
    """Raise UnexpectedAnswerError for an id that is unsafe as a file name."""
    if not is_image_id(isic_id):
        raise UnexpectedAnswerError(f"{isic_id!r} is not an image id; it is not stored.")


def write_part(body: BinaryIO, name: str, *, folder: DataFolder, max_side: int | None) -> int:
    """Write a verified image to its part file, resized if requested; returns its bytes."""
    body.seek(0)
    with (folder.parts / name).open("wb") as file:
        if max_side is None or not shrink(body, file, name=name, max_side=max_side):
            body.seek(0)
            copyfileobj(body, file)
        return file.tell()


def _spool(folder: DataFolder) -> IO[bytes]:
    """In memory for most images, on disk for a mosaic."""
    return SpooledTemporaryFile(_IN_MEMORY, dir=folder.parts)


def identity_encoding() -> dict[str, str]:
    """Headers for an uncompressed transfer, whose length can be checked."""
    return {"Accept-Encoding": "identity"}


def _save(session: Session, response: requests.Response, file: BinaryIO) -> str:
    """Save the body; returns its SHA-256. urllib3 checks its Content-Length."""
    digest = hashlib.sha256()
    for chunk in session.read_body(response):
        file.write(chunk)
        digest.update(chunk)
    return digest.hexdigest()


def verify_picture(file: BinaryIO, name: str) -> None:
    """Raise BadFileError unless every pixel decodes and a JPEG has its end marker.

    The marker matters: a JPEG whose second half is zeros decodes without complaint. A mosaic
    beyond Pillow's limit for decompression bombs is accepted unchecked.
    """
    try:
        with Image.open(file) as image:
            kind = image.format
            image.load()
            whole = kind != "JPEG" or _has_end_marker(file)
    except Image.DecompressionBombError:
        return
    except (OSError, ValueError, SyntaxError) as cause:
        raise BadFileError(f"{name} is not a whole picture: {cause}.") from cause
    if not whole:
        raise BadFileError(f"{name} is not a whole picture: it has no end-of-image marker.")


def _has_end_marker(file: BinaryIO) -> bool:
    """Whether a JPEG's end marker follows its last scan; phones append data after it."""
    file.seek(0)
    content = file.read()
    at = 2  # after the start marker
    while match := _MARKER.search(content, at):
        marker, at = match[0][1], match.end()
        if marker == _END_OF_IMAGE:
            return True
        at += int.from_bytes(content[at : at + 2], "big")  # past the segment, or a scan's header
    return False


def shrink(body: BinaryIO, file: BinaryIO, *, name: str, max_side: int) -> bool:
    """Write the picture as a JPEG with no side longer than ``max_side``.

    Returns False and writes nothing if it is such a JPEG already; never enlarges.
    """
    try:
        with Image.open(body) as image:
            if image.format == "JPEG" and max(image.size) <= max_side:
                return False
            smaller = image.convert("RGB")
        smaller.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        smaller.save(file, "JPEG", quality=_JPEG_QUALITY)
    except (ValueError, Image.DecompressionBombError) as cause:
        raise BadFileError(f"{name} cannot be resized: {cause}.") from cause
    return True
