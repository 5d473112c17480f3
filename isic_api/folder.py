"""A data folder that is being downloaded.

    images/ISIC_0000000.jpg ...   complete, verified files only
    manifest.jsonl                one line per verified image: file, bytes, sha256
    metadata.jsonl                one line per listed image: its metadata
    attributions.jsonl            one line per image whose own attribution is known
    .parts/                       incomplete files; removed at the end
    .lock                         on Windows only, see folder_lock

The journals are authoritative; every CSV is made from them (see metadata). An image counts as
downloaded if the manifest lists it and the file has the listed size; nothing is decoded again.
"""

import contextlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from isic_api.errors import BadFileError, DiskFullError
from isic_api.files import Journal, amount, disk_errors
from isic_api.folder_lock import lock_folder
from isic_api.records import ImageRecord

_JPEG_QUALITY = 95
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart marker
_END_OF_IMAGE = 0xD9


@dataclass(frozen=True)
class StoredImage:
    """A line of the manifest. ``variant`` distinguishes thumbnails and resized files.

    ``sha256`` is of the downloaded file, before any resizing; ``bytes`` of the stored file.
    """

    isic_id: str
    file: str
    bytes: int
    sha256: str
    variant: str


class _FileKind(NamedTuple):
    """What is kept in memory of a :class:`StoredImage`; most images share one."""

    suffix: str
    variant: str


class DataFolder:
    """A context manager; only one process can open a folder at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = root / "images"
        self.parts = root / ".parts"
        self.columns: set[str] = set()  # metadata fields that some image here has
        self.attributions: dict[str, str] = {}  # image id -> its own attribution
        self.bytes_stored = 0
        self._adding = threading.Lock()
        # little per image, since there may be 500,000
        self._kinds: dict[_FileKind, _FileKind] = {}
        self._stored: dict[str, _FileKind] = {}
        self._described: dict[str, int] = {}  # offset of the latest line in the journal

    def __enter__(self) -> "DataFolder":
        with disk_errors(self.root):
            self.images.mkdir(parents=True, exist_ok=True)
            self._lock = lock_folder(self.root)
        try:
            self._open()
        except BaseException:
            os.close(self._lock)  # else it would stay locked while this process lives
            raise
        return self

    def _open(self) -> None:
        with disk_errors(self.root):
            self.parts.mkdir(exist_ok=True)
            self._manifest = Journal(self.root / "manifest.jsonl")
            self._metadata = Journal(self.root / "metadata.jsonl")
            self._attributions = Journal(self.root / "attributions.jsonl")
        here, parts = _sizes(self.images), _sizes(self.parts)
        for _, entry in self._manifest:
            file, size = entry["file"], entry["bytes"]
            if here.get(file) != size and parts.get(file) == size:
                # the process was killed before the move
                (self.parts / file).replace(self.images / file)
                here[file] = size
            if here.get(file) == size:
                self._remember(StoredImage(**entry))
        shutil.rmtree(self.parts, ignore_errors=True)
        self.parts.mkdir(exist_ok=True)
        for offset, entry in self._metadata:
            self._described[entry["isic_id"]] = offset
            self.columns.update(entry["metadata"]["all"])
        for _, entry in self._attributions:
            self._attribute(entry["isic_id"], entry["attribution"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        shutil.rmtree(self.parts, ignore_errors=True)
        with contextlib.suppress(OSError) if error else disk_errors(self.root):
            self._manifest.close()
            self._metadata.close()
            self._attributions.close()
        os.close(self._lock)

    def describe(self, record: ImageRecord) -> None:
        """Record an image's metadata, unless it is recorded already."""
        entry = record.to_json()
        offset = self._described.get(record.isic_id)
        with disk_errors(self.root):
            if offset is None or self._metadata.read(offset) != entry:
                self._described[record.isic_id] = self._metadata.append(entry)
                self.columns.update(entry["metadata"]["all"])

    def attribute(self, isic_id: str, attribution: str) -> None:
        """Record the image's own attribution."""
        with disk_errors(self.root):
            self._attributions.append({"isic_id": isic_id, "attribution": attribution})
        self._attribute(isic_id, attribution)

    def _attribute(self, isic_id: str, attribution: str) -> None:
        self.attributions[isic_id] = sys.intern(attribution)  # many images share few texts

    def unattributed(self) -> list[str]:
        """Ids of the images here whose own attribution is not known."""
        return [isic_id for isic_id in self._stored if isic_id not in self.attributions]

    def descriptions(self) -> Iterator[ImageRecord]:
        """The latest metadata of each image, in the order of arrival."""
        for offset, entry in self._metadata:
            if self._described.get(entry["isic_id"], offset) == offset:
                yield ImageRecord.from_json(entry)

    def has(self, isic_id: str, variant: str) -> bool:
        """Whether a verified file of this variant is in ``images/``."""
        stored = self._stored.get(isic_id)
        return stored is not None and stored.variant == variant

    def file_of(self, isic_id: str) -> str | None:
        """The name of the image's verified file in ``images/``, or None."""
        stored = self._stored.get(isic_id)
        return None if stored is None else isic_id + stored.suffix

    def add(self, image: StoredImage) -> None:
        """Move the verified part file into ``images/``; from any thread.

        The manifest leads and the file follows, so that a process killed between the two leaves
        nothing that has to be downloaded again.
        """
        with self._adding, disk_errors(self.root):
            self._manifest.append(vars(image))
            (self.parts / image.file).replace(self.images / image.file)
            self._remember(image)

    def _remember(self, image: StoredImage) -> None:
        kind = _FileKind(image.file.removeprefix(image.isic_id), image.variant)
        self._stored[image.isic_id] = self._kinds.setdefault(kind, kind)
        self.bytes_stored += image.bytes

    def __iter__(self) -> Iterator[str]:
        """Ids of the images that are here."""
        return iter(self._stored)

    def __contains__(self, isic_id: str) -> bool:
        return isic_id in self._stored

    def __len__(self) -> int:
        return len(self._stored)

    def write_part(self, body: BinaryIO, name: str, *, max_side: int | None) -> int:
        """Verify an image and write its part file, resized if requested; returns its bytes.

        Raises BadFileError, and DiskFullError or another FolderError.
        """
        verify_image(body, name)
        with disk_errors(self.root), (self.parts / name).open("wb") as file:
            if max_side is None or not shrink(body, file, name=name, max_side=max_side):
                body.seek(0)
                shutil.copyfileobj(body, file)
            return file.tell()

    def require_space(self, needed: float) -> None:
        """Raise DiskFullError unless ``needed`` more bytes fit."""
        free = shutil.disk_usage(self.root).free
        if needed > free:
            raise DiskFullError(
                f"The images need about {amount(needed)} more and {self.root} has "
                f"{amount(free)} free: free some space, choose another folder, or request less "
                "(--thumbnails, --max-side, --limit). --no-space-check downloads anyway."
            )

    def write_text(self, name: str, text: str) -> None:
        """Write atomically."""
        with self.writing(name) as part:
            part.write_text(text, encoding="utf-8", newline="")

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path, which is renamed to ``name`` if nothing is raised."""
        with disk_errors(self.root):
            self.parts.mkdir(exist_ok=True)
            part = self.parts / name.replace("/", "_")
            yield part
            (self.root / name).parent.mkdir(exist_ok=True)
            part.replace(self.root / name)


def _sizes(folder: Path) -> dict[str, int]:
    return {entry.name: entry.stat().st_size for entry in os.scandir(folder)}


def verify_image(file: BinaryIO, name: str) -> None:
    """Raise BadFileError unless every pixel decodes and a JPEG has its end marker.

    The marker matters: a JPEG whose second half is zeros decodes without complaint. A mosaic
    beyond Pillow's limit for decompression bombs is accepted unchecked.
    """
    try:
        with Image.open(file) as image:
            image.load()
            complete = image.format != "JPEG" or _has_end_marker(file)
    except Image.DecompressionBombError:
        return
    except UnidentifiedImageError as cause:
        raise BadFileError(f"{name} is not a complete image: its format is unknown.") from cause
    except (OSError, ValueError, SyntaxError) as cause:
        raise BadFileError(f"{name} is not a complete image: {cause}.") from cause
    if not complete:
        raise BadFileError(f"{name} is not a complete image: it has no end-of-image marker.")


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
    """Write the image as a JPEG with no side longer than ``max_side``.

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
