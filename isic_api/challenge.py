"""The ISIC 2019 challenge as two data folders, ``OUT/train`` and ``OUT/test``.

From the Archive's API, where an image is called ISIC_0000013, or from the challenge's own files,
where the same image may be called ISIC_0000013_downsampled; each folder keeps the names of its
source. Labels may have been revised since 2019, so both are compared where both are available.

OUT/challenge/NAME         complete and, where the checksum is known, verified
OUT/challenge/NAME.part    incomplete; kept between runs and resumed by a range request
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from shutil import disk_usage
from typing import NamedTuple

import requests

from isic_api.attribution import CHALLENGE_2019, attribution_text
from isic_api.client import IsicClient
from isic_api.download import (
    FULL,
    Variant,
    download_images,
    identity_encoding,
    in_parallel,
    write_texts,
)
from isic_api.errors import (
    BadFileError,
    BadInputError,
    DiskFullError,
    HostDownError,
    IncompleteListingError,
    RequestError,
    UnknownCollectionError,
)
from isic_api.files import amount, disk_errors
from isic_api.folder import DataFolder, StoredImage
from isic_api.metadata import (
    METADATA_COLUMNS,
    read_challenge_metadata,
    read_truth,
    write_challenge,
    write_disagreements,
)
from isic_api.records import Collection, ImageRecord
from isic_api.report import Progress, Report
from isic_api.selection import Selection, rank
from isic_api.session import Session
from isic_api.vocabulary import archive_id

CHALLENGE_URL = "https://isic-archive.s3.amazonaws.com/challenges/2019/"
SHA256 = {
    "ISIC_2019_Training_Input.zip": (
        "5075020b720c8f1b9b7f3ff85326c55ce0435e5906c41fbd338994feef886df1"
    ),
    "ISIC_2019_Training_GroundTruth.csv": (
        "aa88e9638fe4df9ef330dc4ba22fa4bd475c44af692fffb870c73091ab25cdcd"
    ),
}
"""Of those files whose checksum is known, both from one third-party source."""

_LICENSE = "CC-BY-NC"  # of the challenge's data set as a whole
_IMAGE_PATH = re.compile(r"(ISIC_\d{7})(_downsampled)?\.jpg")
_MAX_BYTES = 100 << 20  # bytes; no image of the challenge is larger
_PROGRESS = 1 << 20  # bytes that justify a new round of attempts


class Part(NamedTuple):
    """Training or test part; the id is the fallback if the Archive renames the collection."""

    collection: str
    collection_id: int
    prefix: str
    images: int


PARTS = {
    "train": Part("Challenge 2019: Training", 65, "ISIC_2019_Training_", 25_331),
    "test": Part("Challenge 2019: Test", 72, "ISIC_2019_Test_", 8_238),
}


@dataclass(frozen=True)
class Recipe:
    """``source`` of the images and ``labels`` of the ground truth: "api" or "challenge"."""

    source: str = "api"
    labels: str = "api"
    parts: tuple[str, ...] = ("train", "test")
    limit: int | None = None
    sample_per_class: int | None = None
    variant: Variant = FULL
    challenge_url: str = CHALLENGE_URL
    checksums: bool = True
    workers: int = 16
    check_space: bool = True

    @property
    def partial(self) -> bool:
        """Whether only a sample of each part is fetched."""
        return self.limit is not None or self.sample_per_class is not None


def fetch_isic2019(
    client: IsicClient, recipe: Recipe, out: Path, *, progress: Progress
) -> Iterator[tuple[str, bool]]:
    """Yield lines for the user as the parts are done, each with whether the part is complete."""
    if recipe.source == "challenge" and recipe.variant.thumbnail:
        raise BadInputError(
            "The challenge's files have no thumbnails: use --max-side 256, or --source api."
        )
    for name in recipe.parts:
        run = _PartRun(client, recipe, PARTS[name], out, out / name, progress)
        report = run.from_api() if recipe.source == "api" else run.from_challenge()
        for line in (*report.lines(), *run.compare(report)):
            yield f"{name}: {line}", report.complete


@dataclass
class _PartRun:
    client: IsicClient
    recipe: Recipe
    part: Part
    root: Path
    out: Path
    progress: Progress

    # === Sources ===

    def file(self, kind: str, *, attempts: int | None = None) -> Path:
        """``kind`` is "Input.zip", "GroundTruth.csv" or "Metadata.csv"."""
        name = self.part.prefix + kind
        return fetch_file(
            self.client.files,
            self.recipe.challenge_url,
            name,
            into=self.root / "challenge",
            progress=self.progress,
            sha256=SHA256.get(name) if self.recipe.checksums else None,
            attempts=attempts,
        )

    @cached_property
    def truth(self) -> dict[str, str]:
        """Image name in the challenge → class."""
        return read_truth(self.file("GroundTruth.csv"))

    def challenge_labels(self) -> dict[str, str]:
        """Image id in the Archive → its class in the challenge."""
        return {archive_id(image): label for image, label in self.truth.items()}

    def api_labels(self, images: Iterable[str]) -> dict[str, str]:
        """Image → its current class in the Archive, keyed by the names in ``images``."""
        collection = self.collection.id
        try:
            now = _classes(self.client.collection_metadata(collection))
        except RequestError:
            now = _classes(self.client.search(collections=[collection]))
        found = ((image, now.get(archive_id(image))) for image in images)
        return {image: label for image, label in found if label is not None}

    @cached_property
    def collection(self) -> Collection:
        try:
            return self.client.resolve(self.part.collection)
        except UnknownCollectionError:
            return self.client.collection(self.part.collection_id)

    # === From the Archive ===

    def from_api(self) -> Report:
        recipe = self.recipe
        return download_images(
            self.client,
            Selection(
                collections=(self.collection,),
                limit=recipe.limit,
                sample_per_class=recipe.sample_per_class,
            ),
            self.out,
            variant=recipe.variant,
            workers=recipe.workers,
            progress=self.progress,
            prefix=self.part.prefix,
            preface=CHALLENGE_2019,
            labels=self.challenge_labels() if recipe.labels == "challenge" else None,
            check_space=recipe.check_space,
        )

    # === From the challenge's files ===

    def from_challenge(self) -> Report:
        """The tables are small and come first; the zip only if an image is missing."""
        began = datetime.now(UTC)
        images = self.chosen()
        labels = self.truth if self.recipe.labels == "challenge" else self.api_labels(self.truth)
        cells = read_challenge_metadata(self.file("Metadata.csv"))
        report = Report(requested=len(images))
        with DataFolder(self.out) as folder:
            missing = [one for one in images if not folder.has(one, str(self.recipe.variant))]
            report.skipped = len(images) - len(missing)
            try:
                with report.noting_why_it_stopped():
                    if missing:
                        self._unpack(self.file("Input.zip"), missing, folder, report)
            finally:
                self.progress.close()
                with report.finishing():
                    unknown = [""] * len(METADATA_COLUMNS)
                    present = (image for image in images if image in folder)
                    rows = ((one, labels.get(one), cells.get(one, unknown)) for one in present)
                    report.written = write_challenge(folder, rows, prefix=self.part.prefix)
                    self._write_texts(folder, report, began)
        return report

    def chosen(self) -> list[str]:
        """The images that the recipe selects, in the challenge's order."""
        images = list(self.truth)[: self.recipe.limit]
        size = self.recipe.sample_per_class
        if size is None:
            return images
        drawn: set[str] = set()
        for label in set(self.truth.values()):
            of_class = [image for image in images if self.truth[image] == label]
            drawn.update(sorted(of_class, key=lambda image: rank(archive_id(image)))[:size])
        return [image for image in images if image in drawn]

    def _unpack(
        self, path: Path, images: Sequence[str], folder: DataFolder, report: Report
    ) -> None:
        variant = self.recipe.variant
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as cause:
            raise BadFileError(f"{path} is not a zip file: delete it and run again.") from cause

        def work(image: str) -> StoredImage | tuple[str, str]:
            entry = entries.get(archive_id(image))
            if entry is None:
                return image, "the zip does not contain this image"
            try:
                stored = unpack(archive, entry, image=image, folder=folder, variant=variant)
            except BadFileError as error:
                return image, str(error)
            folder.add(stored)
            return stored

        def record(outcome: StoredImage | tuple[str, str]) -> None:
            if isinstance(outcome, StoredImage):
                report.downloaded += 1
                self.progress.image(outcome.bytes)
            else:
                report.failed.append(outcome)

        with archive:
            entries = images_in(archive)
            if variant == FULL and self.recipe.check_space:
                found = (entries.get(archive_id(image)) for image in images)
                folder.require_space(sum(entry.file_size for entry in found if entry))
            self.progress.start(len(images))
            workers = self.recipe.workers
            in_parallel(work, images, workers=workers, on_result=record, stop=lambda: None)

    def _write_texts(self, folder: DataFolder, report: Report, began: datetime) -> None:
        write_texts(
            folder,
            report,
            attribution=attribution_text(Counter(), preface=CHALLENGE_2019),
            licenses=[_LICENSE],
            account={
                "source": f"challenge files {self.part.prefix}*",
                "files": str(self.recipe.variant),
                "began": began.isoformat(timespec="seconds"),
            },
            client=self.client,
            progress=self.progress,
        )

    # === Comparison ===

    def compare(self, report: Report) -> Iterator[str]:
        """Compare the labels of the Archive and the challenge for the images in the folder."""
        if report.requested != self.part.images and not self.recipe.partial:
            yield (
                f"the source has {report.requested:,} images, the challenge had "
                f"{self.part.images:,}"
            )
        try:
            pairs = self._pairs()
        except (RequestError, IncompleteListingError) as error:
            self.progress.warn(f"the two sources of labels are not compared: {error}")
            return
        differing = [pair for pair in pairs if pair[1] != pair[2]]
        with DataFolder(self.out) as folder:
            write_disagreements(folder, differing)
        yield (
            f"{len(pairs):,} labels compared, {len(differing):,} differ between the Archive and "
            f"the challenge{' (label_disagreements.csv)' if differing else ''}"
        )

    def _pairs(self) -> list[tuple[str, str, str]]:
        """Image, the Archive's class, the challenge's class."""
        with DataFolder(self.out) as folder:
            present = list(folder)
            described = {one.isic_id: one.challenge_class for one in folder.descriptions()}
        if self.recipe.source == "challenge":
            described = self.api_labels(present)
        self.file("GroundTruth.csv", attempts=2)
        challenge = self.challenge_labels()
        return [
            (image, described[image], challenge[archive_id(image)])
            for image in present
            if described.get(image) and archive_id(image) in challenge
        ]


def _classes(records: Iterable[ImageRecord]) -> dict[str, str | None]:
    return {record.isic_id: record.challenge_class for record in records}


# === One file of the challenge ===


def fetch_file(
    session: Session,
    base_url: str,
    name: str,
    *,
    into: Path,
    progress: Progress,
    sha256: str | None = None,
    attempts: int | None = None,
) -> Path:
    """The path of the complete file; raises BadFileError if it does not have this SHA-256."""
    path = into / name
    if path.exists():
        return path
    partial = _PartFile(session, f"{base_url.rstrip('/')}/{name}", path, progress)
    try:
        partial.complete(attempts)
    finally:
        progress.close()
    if sha256:
        partial.check(sha256)
    partial.rename(path)
    return path


class _PartFile:
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

    def check(self, sha256: str) -> None:
        with self.path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found == sha256:
            return
        self.path.unlink()
        self.tag.unlink(missing_ok=True)
        raise BadFileError(
            f"{self.path.stem} has sha256 {found}, known is {sha256}: it was damaged or replaced, "
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
        if self.size() and self.tag.exists() and self.tag.read_text(encoding="utf-8"):
            # one byte again, so that the range of a complete part is not beyond its end
            headers["Range"] = f"bytes={self.size() - 1}-"
            headers["If-Range"] = self.tag.read_text(encoding="utf-8")
        return headers

    def _read(self, response: requests.Response) -> None:
        with disk_errors(self.path.parent):  # not before: an unreachable host leaves no folder
            self.path.parent.mkdir(parents=True, exist_ok=True)
        start, total = self._offset_and_total(response)
        if total - start > disk_usage(self.path.parent).free:
            raise DiskFullError(
                f"{self.path.name} needs {amount(total - start)} more than the disk has: "
                "free some space and run the same command again; it continues where it stopped."
            )
        self.progress.start(total, unit="B")
        self.progress.advance(start)
        with disk_errors(self.path):
            self.tag.write_text(response.headers.get("ETag", ""), encoding="utf-8")
            with self.path.open("r+b" if start else "wb") as file:
                file.seek(start)
                for chunk in self.session.read_body(response):
                    file.write(chunk)
                    self.progress.advance(len(chunk))
                file.truncate()
        if total and self.size() != total:
            raise BadFileError(f"{self.path.name} has {self.size()} of {total} bytes.")

    def _offset_and_total(self, response: requests.Response) -> tuple[int, int]:
        """Offset of the body in the file, and the size of the whole file (0: unknown)."""
        if response.status_code != 206:
            return 0, int(response.headers.get("Content-Length") or 0)
        said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not said or int(said[1]) > self.size():
            self.path.unlink(missing_ok=True)
            raise BadFileError(
                f"{self.path.name}: the server sent a different range than requested."
            )
        return int(said[1]), int(said[2])


def images_in(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Image id → its entry; all other entries of the zip are ignored."""
    found = {}
    for entry in archive.infolist():
        match = _IMAGE_PATH.fullmatch(PurePosixPath(entry.filename).name)
        if match and entry.file_size <= _MAX_BYTES:
            found[match[1]] = entry
    return found


def unpack(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    *,
    image: str,
    folder: DataFolder,
    variant: Variant,
) -> StoredImage:
    """Extract one image to its part file, decoded and checked against the zip's CRC.

    No part of the entry's own path is used. Raises BadFileError.
    """
    name = f"{image}.jpg"
    try:
        content = archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as cause:
        raise BadFileError(f"{entry.filename} in the zip is damaged: {cause}.") from cause
    size = folder.write_part(io.BytesIO(content), name, max_side=variant.max_side)
    return StoredImage(image, name, size, hashlib.sha256(content).hexdigest(), str(variant))
