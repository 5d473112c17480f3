"""One image: fetched into a part file, verified, then moved to its place."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import requests
from PIL import Image

from isic_api.errors import BadFileError, UnexpectedAnswerError
from isic_api.folder import DataFolder, StoredImage, disk_errors
from isic_api.records import FileLink, ImageRecord
from isic_api.session import Session

_ID = re.compile(r"ISIC_\d{7,}")
_SUFFIXES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png", ".tif": ".tif", ".tiff": ".tif"}
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Variant:
    """What of an image is stored. ``max_side``: longer side in pixels; larger ones shrink."""

    thumbnail: bool = False
    max_side: int | None = None

    def __str__(self) -> str:
        kind = "thumbnail" if self.thumbnail else "full"
        return f"{kind}, at most {self.max_side} px" if self.max_side else kind

    def link(self, record: ImageRecord) -> FileLink:
        link = record.thumbnail if self.thumbnail else record.full
        if link is None:
            raise UnexpectedAnswerError(f"{record.isic_id} has no link to its {self} file.")
        return link

    def bytes_of(self, record: ImageRecord) -> float:
        """An estimate of the stored file, from what the Archive records."""
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
    """Download, verify and place one image. Raises RequestError after the last attempt."""
    if not _ID.fullmatch(record.isic_id):
        raise UnexpectedAnswerError(f"{record.isic_id!r} is not an image id; it is not stored.")
    url = variant.link(record).url
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    name = record.isic_id + (".jpg" if variant.max_side else _SUFFIXES.get(suffix, ".jpg"))
    part = folder.parts / name

    def read(response: requests.Response) -> str:
        sha256 = _save(session, response, part)
        verify_picture(part)
        return sha256

    sha256 = session.fetch(url, read, retry_refusals=True, headers=as_it_is)
    return place(part, record.isic_id, sha256, folder=folder, variant=variant)


def place(
    part: Path, image: str, sha256: str, *, folder: DataFolder, variant: Variant
) -> StoredImage:
    """Move a verified part file to its place, resized if so wanted."""
    with disk_errors(folder.root):
        if variant.max_side:
            shrink(part, variant.max_side)
        size = part.stat().st_size
        part.replace(folder.images / part.name)
    return StoredImage(image, part.name, size, sha256, str(variant))


def as_it_is() -> dict[str, str]:
    """Headers for a file whose length is to be checked."""
    return {"Accept-Encoding": "identity"}


def _save(session: Session, response: requests.Response, part: Path) -> str:
    """The body into ``part``; returns its sha256."""
    digest, written = hashlib.sha256(), 0
    with disk_errors(part.parent.parent), part.open("wb") as file:
        for chunk in session.read_body(response):
            file.write(chunk)
            digest.update(chunk)
            written += len(chunk)
    announced = response.headers.get("Content-Length", "")
    encoded = "Content-Encoding" in response.headers
    if announced.isdecimal() and not encoded and int(announced) != written:
        raise BadFileError(f"{part.name} is {written} bytes long, announced were {announced}.")
    return digest.hexdigest()


def verify_picture(path: Path) -> None:
    """Raise BadFileError unless every pixel decodes and a JPEG has its end marker.

    The marker matters: a JPEG whose second half is zeros decodes without complaint. A mosaic
    beyond Pillow's limit for decompression bombs is taken as it is.
    """
    try:
        with Image.open(path) as image:
            kind = image.format
            image.load()
    except Image.DecompressionBombError:
        return
    except (OSError, ValueError, SyntaxError) as cause:
        raise BadFileError(f"{path.name} is not a whole picture: {cause}.") from cause
    if kind == "JPEG" and not _ends_as_jpeg(path):
        raise BadFileError(f"{path.name} is not a whole picture: no end-of-image marker.")


def _ends_as_jpeg(path: Path) -> bool:
    """Some writers pad the file with zeros."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return file.read().rstrip(b"\0").endswith(b"\xff\xd9")


def shrink(path: Path, max_side: int) -> None:
    """Make the picture a JPEG with no side longer than ``max_side``; never enlarges."""
    try:
        with Image.open(path) as image:
            if image.format == "JPEG" and max(image.size) <= max_side:
                return
            smaller = image.convert("RGB")
        smaller.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        smaller.save(path, "JPEG", quality=_JPEG_QUALITY)
    except (ValueError, Image.DecompressionBombError) as cause:
        raise BadFileError(f"{path.name} cannot be resized: {cause}.") from cause
