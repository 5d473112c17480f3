"""The challenge's own files: resumable downloads, checksums, and safe extraction.

OUT/challenge/NAME         complete and, where the checksum is known, verified
OUT/challenge/NAME.part    incomplete; kept between runs and resumed by a range request
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import disk_usage

import requests

from isic_api.errors import BadFileError, DiskFullError, HostDownError
from isic_api.files import amount, disk_errors
from isic_api.folder import DataFolder, StoredImage
from isic_api.image_file import Variant, identity_encoding, verify_picture, write_part
from isic_api.report import Progress
from isic_api.session import Session

CHALLENGE_URL = "https://isic-archive.s3.amazonaws.com/challenges/2019/"
_MEMBER = re.compile(r"(ISIC_\d{7})(_downsampled)?\.jpg")
_MAX_BYTES = 100 << 20  # bytes; no image of the challenge is larger
_PROGRESS = 1 << 20  # bytes that justify a new round of attempts


@dataclass(frozen=True)
class ChallengeFile:
    """A file of the challenge's download page; without ``sha256`` it is not checked."""

    name: str
    sha256: str | None = None


FILES = {
    "train": {
        "images": ChallengeFile(
            "ISIC_2019_Training_Input.zip",
            "5075020b720c8f1b9b7f3ff85326c55ce0435e5906c41fbd338994feef886df1",
        ),
        "truth": ChallengeFile(
            "ISIC_2019_Training_GroundTruth.csv",
            "aa88e9638fe4df9ef330dc4ba22fa4bd475c44af692fffb870c73091ab25cdcd",
        ),
        "metadata": ChallengeFile("ISIC_2019_Training_Metadata.csv"),
    },
    "test": {
        "images": ChallengeFile("ISIC_2019_Test_Input.zip"),
        "truth": ChallengeFile("ISIC_2019_Test_GroundTruth.csv"),
        "metadata": ChallengeFile("ISIC_2019_Test_Metadata.csv"),
    },
}
"""Part → kind → file. Both checksums come from one third-party source."""


def fetch_file(
    session: Session,
    base_url: str,
    file: ChallengeFile,
    *,
    into: Path,
    progress: Progress,
    checksum: bool = True,
    attempts: int | None = None,
) -> Path:
    """The path of the complete file; raises BadFileError if its SHA-256 is not the known one."""
    path = into / file.name
    if path.exists():
        return path
    partial = _Partial(session, f"{base_url.rstrip('/')}/{file.name}", path, progress)
    try:
        partial.complete(attempts)
    finally:
        progress.close()
    if checksum and file.sha256:
        partial.check(file)
    partial.rename(path)
    return path


class _Partial:
    """A partial download, and the ETag that tells whether the rest still belongs to it."""

    def __init__(self, session: Session, url: str, path: Path, progress: Progress) -> None:
        self.session = session
        self.url = url
        self.path = path.with_name(path.name + ".part")
        self.tag = path.with_name(path.name + ".part.etag")
        self.progress = progress

    def complete(self, attempts: int | None) -> None:
        """Request the rest as long as each round of attempts makes progress."""
        while True:
            before = self.size()
            try:
                self.session.fetch(self.url, self._read, headers=self._headers, attempts=attempts)
                return
            except HostDownError:
                if self.size() < before + _PROGRESS:
                    raise

    def check(self, file: ChallengeFile) -> None:
        with self.path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found == file.sha256:
            return
        self.path.unlink()
        self.tag.unlink(missing_ok=True)
        raise BadFileError(
            f"{file.name} has sha256 {found}, known is {file.sha256}: it was damaged or replaced, "
            "and is removed. Run the same command again, or add --no-checksum to take it as it is."
        )

    def rename(self, path: Path) -> None:
        with disk_errors(path):
            self.path.replace(path)
            self.tag.unlink(missing_ok=True)

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _headers(self) -> dict[str, str]:
        headers = identity_encoding()
        if self.size() and self.tag.exists() and self.tag.read_text():
            # one byte again, so that the range of a complete part is not beyond its end
            headers["Range"] = f"bytes={self.size() - 1}-"
            headers["If-Range"] = self.tag.read_text()
        return headers

    def _read(self, response: requests.Response) -> None:
        with disk_errors(self.path.parent):  # not before: an unreachable host leaves no folder
            self.path.parent.mkdir(parents=True, exist_ok=True)
        start, total = self._place(response)
        if total - start > disk_usage(self.path.parent).free:
            raise DiskFullError(
                f"{self.path.name} needs {amount(total - start)} more than the disk has: "
                "free some and run the same command again; it continues where it stopped."
            )
        self.progress.start(total, unit="B")
        self.progress.advance(start)
        with disk_errors(self.path):
            self.tag.write_text(response.headers.get("ETag", ""))
            with self.path.open("r+b" if start else "wb") as file:
                file.seek(start)
                for chunk in self.session.read_body(response):
                    file.write(chunk)
                    self.progress.advance(len(chunk))
                file.truncate()
        if total and self.size() != total:
            raise BadFileError(f"{self.path.name} has {self.size()} of {total} bytes.")

    def _place(self, response: requests.Response) -> tuple[int, int]:
        """Offset of the body in the file, and the size of the whole file (0: unknown)."""
        if response.status_code != 206:
            return 0, int(response.headers.get("Content-Length") or 0)
        said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not said or int(said[1]) > self.size():
            self.path.unlink(missing_ok=True)
            raise BadFileError(f"{self.path.name}: the server sent another range than asked for.")
        return int(said[1]), int(said[2])


@dataclass(frozen=True)
class Member:
    """An image inside a zip; ``isic_id`` is without ``_downsampled``."""

    isic_id: str
    path: str
    size: int


def members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """The images; all other entries of the zip, and their paths, are ignored."""
    for entry in archive.infolist():
        match = _MEMBER.fullmatch(PurePosixPath(entry.filename).name)
        if match and entry.file_size <= _MAX_BYTES:
            yield Member(match[1], entry.filename, entry.file_size)


def unpack(
    archive: zipfile.ZipFile, member: Member, *, image: str, folder: DataFolder, variant: Variant
) -> StoredImage:
    """Extract one member to its part file, decoded and checked against the zip's CRC.

    No part of the member's own path is used. Raises BadFileError.
    """
    name = f"{image}.jpg"
    try:
        body = io.BytesIO(archive.read(member.path))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as cause:
        raise BadFileError(f"{member.path} in the zip is damaged: {cause}.") from cause
    verify_picture(body, name)
    sha256 = hashlib.sha256(body.getbuffer()).hexdigest()
    with disk_errors(folder.root):
        size = write_part(body, name, folder=folder, max_side=variant.max_side)
    return StoredImage(image, name, size, sha256, str(variant))
