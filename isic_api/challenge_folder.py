"""A data folder from the challenge's zip, with the same account as a download."""

import contextlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from isic_api.attribution import attribution_text, write_licenses
from isic_api.challenge_files import Member, members, unpack
from isic_api.client import IsicClient
from isic_api.errors import ArchiveError, BadFileError
from isic_api.folder import DataFolder, StoredImage
from isic_api.image_file import FULL, Variant
from isic_api.image_id import archive_id
from isic_api.metadata import METADATA_HEADER, write_challenge
from isic_api.parallel import in_parallel
from isic_api.progress import Progress
from isic_api.report import Naming, Report, write_failed

_LICENSE = "CC-BY-NC"  # of the challenge set as a whole


@dataclass
class Unpacking:
    """What is needed to fill ``out``; ``labels`` and ``metadata`` are by the image's name."""

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
        """Unpack ``images`` and write everything beside them.

        ``fetch_zip`` is called only if an image is missing.
        """
        began = datetime.now(UTC)
        report = self.report
        with DataFolder(self.out) as self.folder:
            missing = [one for one in images if not self.folder.has(one, str(self.variant))]
            report.asked, report.skipped = len(images), len(images) - len(missing)
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
                settle=self._settle,
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
            self.report.got += 1
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
        unknown = [""] * (len(METADATA_HEADER) - 1)
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
