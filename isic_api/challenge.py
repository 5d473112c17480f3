"""The ISIC 2019 challenge as two data folders, ``OUT/train`` and ``OUT/test``.

From the Archive's API, where an image is called ISIC_0000013, or from the challenge's zip files,
where the same image may be called ISIC_0000013_downsampled; each folder keeps the names of its
source. Labels may have been revised since 2019, so both are compared where both are available.
"""

import contextlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from isic_api.attribution import CHALLENGE_2019, attribution_text, write_licenses
from isic_api.challenge_files import CHALLENGE_URL, FILES, Member, fetch_file, members, unpack
from isic_api.client import IsicClient
from isic_api.download import download_images, in_parallel
from isic_api.errors import (
    ArchiveError,
    BadFileError,
    BadInputError,
    IncompleteListingError,
    RequestError,
    UnknownCollectionError,
)
from isic_api.folder import DataFolder, StoredImage
from isic_api.image_file import FULL, Variant
from isic_api.metadata import (
    METADATA_COLUMNS,
    read_challenge_metadata,
    read_truth,
    write_challenge,
    write_disagreements,
)
from isic_api.records import Collection
from isic_api.report import Naming, Progress, Report, write_failed
from isic_api.selection import Selection, rank
from isic_api.vocabulary import archive_id

_LICENSE = "CC-BY-NC"  # of the challenge's data set as a whole


@dataclass
class Unpacking:
    """Fills ``out`` from the zip; ``labels`` and ``metadata`` are keyed by image name."""

    out: Path
    labels: Mapping[str, str]
    metadata: Mapping[str, Sequence[str]]
    naming: Naming
    variant: Variant
    client: IsicClient
    progress: Progress
    check_space: bool = True
    report: Report = field(default_factory=Report)

    def fill(self, images: Sequence[str], *, fetch_zip: Callable[[], Path], workers: int) -> Report:
        """Unpack ``images`` and write the tables and texts that accompany them.

        ``fetch_zip`` is called only if an image is missing.
        """
        began = datetime.now(UTC)
        report = self.report
        with DataFolder(self.out) as self.folder:
            missing = [one for one in images if not self.folder.has(one, str(self.variant))]
            report.requested, report.skipped = len(images), len(images) - len(missing)
            try:
                if missing:
                    self._unpack(fetch_zip(), missing, workers)
            except BaseException as cause:
                report.stopped = str(cause) or "interrupted"
                raise
            finally:
                self.progress.close()
                self._finish(images, began)
        return report

    def _unpack(self, path: Path, images: Sequence[str], workers: int) -> None:
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as cause:
            raise BadFileError(f"{path} is not a zip file: delete it and run again.") from cause
        with archive:
            by_id = {member.isic_id: member for member in members(archive)}
            tasks = [(image, by_id.get(archive_id(image))) for image in images]
            if self.variant == FULL and self.check_space:
                self.folder.require_space(sum(member.size for _, member in tasks if member))
            self.progress.start(len(tasks))
            in_parallel(
                lambda task: self._work(archive, *task),
                tasks,
                workers=workers,
                on_result=self._settle,
                stop=lambda: None,
            )

    def _work(
        self, archive: zipfile.ZipFile, image: str, member: Member | None
    ) -> StoredImage | tuple[str, str]:
        if member is None:
            return image, "the zip does not hold this image"
        try:
            stored = unpack(archive, member, image=image, folder=self.folder, variant=self.variant)
            self.folder.add(stored)
            return stored
        except BadFileError as error:
            return image, str(error)

    def _settle(self, outcome: StoredImage | tuple[str, str]) -> None:
        if isinstance(outcome, StoredImage):
            self.report.downloaded += 1
            self.progress.image(outcome.bytes)
        else:
            self.report.failed.append(outcome)

    def _finish(self, images: Sequence[str], began: datetime) -> None:
        report, folder = self.report, self.folder
        with contextlib.suppress(ArchiveError) if report.stopped else contextlib.nullcontext():
            report.written = write_challenge(folder, self._rows(images), prefix=self.naming.prefix)
            text = attribution_text(Counter(), preface=self.naming.preface)
            folder.write_text("attribution.txt", text)
            online = None if report.stopped else self.client
            report.unlicensed = write_licenses(
                folder, [_LICENSE], client=online, warn=self.progress.warn
            )
            write_failed(folder, report.failed)
            folder.write_text("query.json", self._account(began))

    def _rows(self, images: Sequence[str]) -> Iterator[tuple[str, str | None, Sequence[str]]]:
        unknown = [""] * len(METADATA_COLUMNS)
        for image in images:
            if image in self.folder:
                yield image, self.labels.get(image), self.metadata.get(image, unknown)

    def _account(self, began: datetime) -> str:
        account = {
            "source": f"challenge files {self.naming.prefix}*",
            "files": str(self.variant),
            "began": began.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "complete": self.report.complete,
            "counts": self.report.counts(),
        }
        return json.dumps(account, indent=2) + "\n"


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
        run = _PartRun(client, recipe, name, out=out, progress=progress)
        report = run.from_api() if recipe.source == "api" else run.from_challenge()
        for line in (*report.lines(), *run.compare(report)):
            yield f"{name}: {line}", report.complete


class _PartRun:
    def __init__(
        self, client: IsicClient, recipe: Recipe, name: str, *, out: Path, progress: Progress
    ) -> None:
        self.client = client
        self.recipe = recipe
        self.part = PARTS[name]
        self.files = FILES[name]
        self.out = out / name
        self.challenge = out / "challenge"
        self.progress = progress

    def from_api(self) -> Report:
        recipe = self.recipe
        labels = None
        if recipe.labels == "challenge":
            labels = {archive_id(image): label for image, label in self.truth.items()}
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
            naming=self.naming,
            labels=labels,
            check_space=recipe.check_space,
        )

    def from_challenge(self) -> Report:
        """The ground truth is small and downloaded first: it lists the images."""
        truth = self.truth
        unpacking = Unpacking(
            self.out,
            labels=truth if self.recipe.labels == "challenge" else self.api_labels(truth),
            metadata=read_challenge_metadata(self.file("metadata")),
            naming=self.naming,
            variant=self.recipe.variant,
            client=self.client,
            progress=self.progress,
            check_space=self.recipe.check_space,
        )
        return unpacking.fill(
            self.chosen(), fetch_zip=lambda: self.file("images"), workers=self.recipe.workers
        )

    @property
    def naming(self) -> Naming:
        return Naming(self.part.prefix, CHALLENGE_2019)

    @cached_property
    def truth(self) -> dict[str, str]:
        """Image name in the challenge → class."""
        return read_truth(self.file("truth"))

    @cached_property
    def collection(self) -> Collection:
        try:
            return self.client.resolve(self.part.collection)
        except UnknownCollectionError:
            return self.client.collection(self.part.collection_id)

    def file(self, kind: str, *, attempts: int | None = None) -> Path:
        return fetch_file(
            self.client.files,
            self.recipe.challenge_url,
            self.files[kind],
            into=self.challenge,
            progress=self.progress,
            checksum=self.recipe.checksums,
            attempts=attempts,
        )

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

    def api_labels(self, images: Iterable[str]) -> dict[str, str]:
        """Image → its current class in the Archive, keyed by the names in ``images``."""
        now: dict[str, str | None] = {}
        try:
            for record in self.client.collection_metadata(self.collection.id):
                now[record.isic_id] = record.challenge_class
        except RequestError:
            for record in self.client.search(collections=[self.collection.id]):
                now[record.isic_id] = record.challenge_class
        found = ((image, now.get(archive_id(image))) for image in images)
        return {image: label for image, label in found if label is not None}

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
        self.file("truth", attempts=2)
        challenge = {archive_id(image): label for image, label in self.truth.items()}
        return [
            (image, described[image], challenge[archive_id(image)])
            for image in present
            if described.get(image) and archive_id(image) in challenge
        ]
