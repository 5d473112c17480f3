"""The account of a run: what was asked, what came, what did not and why."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from isic_api.cells import PlainWriter
from isic_api.folder import DataFolder
from isic_api.metadata import Written


@dataclass
class Report:
    """``asked`` = ``got`` + ``skipped`` + failures + ``missing``."""

    asked: int = 0
    got: int = 0
    skipped: int = 0  # in the folder already
    failed: list[tuple[str, str]] = field(default_factory=list)  # image id, reason
    listing: str = ""  # why the listing stopped early
    stopped: str = ""  # why the run stopped early
    written: Written = field(default_factory=Written)
    unlicensed: list[str] = field(default_factory=list)  # licences whose text is missing

    @property
    def missing(self) -> int:
        """Counted by the Archive, but not listed, or not reached before the run stopped."""
        return max(0, self.asked - self.got - self.skipped - len(self.failed))

    @property
    def complete(self) -> bool:
        unfinished = self.failed or self.missing or self.listing or self.stopped
        return not (unfinished or self.unattributed or self.unlicensed)

    @property
    def unattributed(self) -> int:
        """Images whose own attribution is missing."""
        return self.written.cohorts.total()

    def lines(self) -> Iterator[str]:
        """For the end of a run."""
        line = f"asked {self.asked:,}: downloaded {self.got:,}, already there {self.skipped:,}"
        line += f", failed {len(self.failed):,}"
        yield line + (f", not listed {self.missing:,}" if self.missing else "")
        if self.failed:
            yield "the failed ids and the reasons are in failed.csv"
        if self.listing:
            yield self.listing
        classes = ", ".join(f"{name} {count:,}" for name, count in self.written.classes.items())
        yield f"labels: {classes or 'none'}"
        if self.written.unlabelled:
            yield (
                f"{self.written.unlabelled:,} images have no diagnosis: they are not in the "
                "ground truth"
            )
        if self.written.not_jpeg:
            yield (
                f"{self.written.not_jpeg:,} images are not JPEG: they are in metadata_full.csv "
                "only (--max-side makes JPEGs of them)"
            )
        if self.unattributed:
            yield (
                f"the own attribution of {self.unattributed:,} images is missing: attribution.txt "
                "has their cohorts'"
            )
        if self.unlicensed:
            yield f"licence texts are missing: {', '.join(self.unlicensed)}"
        if not self.complete:
            yield "run the same command again to get what is missing"

    def counts(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "downloaded": self.got,
            "already_there": self.skipped,
            "failed": len(self.failed),
            "not_listed": self.missing,
            "in_folder": self.written.images,
            "without_diagnosis": self.written.unlabelled,
            "without_own_attribution": self.unattributed,
            "licences_without_text": self.unlicensed,
            "classes": dict(self.written.classes),
        }


@dataclass(frozen=True)
class Naming:
    """How the challenge files in the folder begin, and what precedes the attributions."""

    prefix: str = ""
    preface: str = ""


PLAIN = Naming()


def write_failed(folder: DataFolder, failed: list[tuple[str, str]]) -> None:
    """``failed.csv``, or none if nothing failed."""
    if not failed:
        (folder.root / "failed.csv").unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    writer = PlainWriter(text)
    writer.writerow(("isic_id", "reason"))
    writer.writerows(sorted(failed))
    folder.write_text("failed.csv", text.getvalue())
