"""Progress bar, waits and warnings during a run, and the report at its end."""

import contextlib
import io
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from isic_api.errors import ArchiveError
from isic_api.files import PlainWriter, amount
from isic_api.folder import DataFolder
from isic_api.records import ImageRecord

_REPEAT = 10.0  # seconds before the same line is printed again


class Progress:
    """A progress bar with images, bytes and rate; all methods are thread-safe.

    ``quiet`` prints nothing; ``warnings`` are collected in any case.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bytes = 0
        self.warnings: list[str] = []
        self._bar: tqdm | None = None
        self._lock = threading.Lock()
        self._last_said: dict[str, float] = {}
        self._began = time.monotonic()

    def start(self, total: int, *, unit: str = " images") -> None:
        """``unit`` "B" counts bytes, with :meth:`advance`; else see :meth:`image`."""
        self.close()
        self.bytes = 0
        self._began = time.monotonic()
        self._bar = tqdm(
            total=total,
            unit=unit,
            unit_scale=unit == "B",
            disable=self.quiet,
            file=sys.stderr,
            mininterval=0.2 if sys.stderr.isatty() else 5.0,
            dynamic_ncols=True,
            smoothing=0.1,
        )

    def image(self, size: int = 0) -> None:
        """Count one image; ``size`` in bytes, 0 if it was here already."""
        self.bytes += size
        if self._bar is not None:
            if self.bytes:
                rate = self.bytes / max(time.monotonic() - self._began, 1e-3)
                text = f"{amount(self.bytes)}, {amount(rate)}/s"
                self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()

    def advance(self, size: int) -> None:
        """Count ``size`` bytes, of a bar whose unit is "B"."""
        if self._bar is not None:
            self._bar.update(size)

    def wait(self, seconds: float, reason: str) -> None:
        """For :class:`~isic_api.session.Session`'s ``on_wait``."""
        if seconds >= 1:
            self.say(f"waiting {seconds:.0f} s ({reason})")
        else:
            self.say(f"trying again ({reason})")

    def warn(self, text: str) -> None:
        """Print a warning, and keep it in ``warnings``."""
        self.warnings.append(text)
        self.say(f"warning: {text}")

    def say(self, text: str) -> None:
        """Print a line above the bar; the same line at most every ten seconds."""
        with self._lock:
            now = time.monotonic()
            if now - self._last_said.get(text, -_REPEAT) < _REPEAT:
                return
            self._last_said[text] = now
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)
            sys.stderr.flush()

    def close(self) -> None:
        """Remove the bar; lines can still be printed."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@dataclass
class Written:
    """What went into the CSV files."""

    images: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0  # without a diagnosis, hence not in the ground truth
    not_jpeg: int = 0  # in metadata_full.csv only, since the layout expects .jpg
    attributions: Counter[str] = field(default_factory=Counter)  # the images' own
    cohorts: Counter[str] = field(default_factory=Counter)  # of images without their own
    licenses: Counter[str] = field(default_factory=Counter)

    def count(self, record: ImageRecord, attribution: str | None) -> None:
        """Count one image; its cohort's attribution counts where its own is None."""
        self.images += 1
        if attribution is None:
            self.cohorts[record.attribution] += 1
        else:
            self.attributions[attribution] += 1
        self.licenses[record.copyright_license] += 1

    def label(self, label: str | None) -> None:
        """Count one challenge class; None is an image without a diagnosis."""
        if label is None:
            self.unlabelled += 1
        else:
            self.classes[label] += 1


@dataclass
class Report:
    """``requested`` = ``downloaded`` + ``skipped`` + ``failed`` + ``missing``."""

    requested: int = 0
    downloaded: int = 0
    skipped: int = 0  # in the folder already
    failed: list[tuple[str, str]] = field(default_factory=list)  # image id, reason
    listing: str = ""  # why the listing stopped early
    stopped: str = ""  # why the run stopped early
    written: Written = field(default_factory=Written)
    unlicensed: list[str] = field(default_factory=list)  # licences whose text is missing

    @property
    def missing(self) -> int:
        """Counted by the Archive, but not listed, or not reached before the run stopped."""
        return max(0, self.requested - self.downloaded - self.skipped - len(self.failed))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: images, attributions and licence texts."""
        unfinished = self.failed or self.missing or self.listing or self.stopped
        return not (unfinished or self.unattributed or self.unlicensed)

    @property
    def unattributed(self) -> int:
        """Images whose own attribution is missing."""
        return self.written.cohorts.total()

    @contextlib.contextmanager
    def noting_why_it_stopped(self) -> Iterator[None]:
        """Keep the reason of whatever ends the run early, Ctrl-C included."""
        try:
            yield
        except BaseException as cause:
            self.stopped = str(cause) or "interrupted"
            raise

    def finishing(self) -> contextlib.AbstractContextManager[None]:
        """While the tables are written: a second error must not hide why the run stopped."""
        return contextlib.suppress(ArchiveError) if self.stopped else contextlib.nullcontext()

    def lines(self) -> Iterator[str]:
        """Summary of the run."""
        line = f"requested {self.requested:,}: downloaded {self.downloaded:,}"
        line += f", already there {self.skipped:,}, failed {len(self.failed):,}"
        yield line + (f", not listed {self.missing:,}" if self.missing else "")
        if self.failed:
            yield "failed.csv lists the failed ids with the reasons"
        if self.listing:
            yield self.listing
        classes = ", ".join(f"{name} {count:,}" for name, count in self.written.classes.items())
        yield f"labels: {classes or 'none'}"
        if self.written.unlabelled:
            yield (
                f"images without a diagnosis, hence not in the ground truth: "
                f"{self.written.unlabelled:,}"
            )
        if self.written.not_jpeg:
            yield (
                f"images that are not JPEG, hence in metadata_full.csv only: "
                f"{self.written.not_jpeg:,} (--max-side converts them to JPEG)"
            )
        if self.unattributed:
            yield (
                f"images whose own attribution is missing: {self.unattributed:,} (attribution.txt "
                "names their cohorts')"
            )
        if self.unlicensed:
            yield f"licence texts are missing: {', '.join(self.unlicensed)}"
        if not self.complete:
            yield "run the same command again to get what is missing"

    def counts(self) -> dict[str, Any]:
        """The figures of the run, ready for JSON."""
        return {
            "requested": self.requested,
            "downloaded": self.downloaded,
            "already_there": self.skipped,
            "failed": len(self.failed),
            "not_listed": self.missing,
            "in_folder": self.written.images,
            "without_diagnosis": self.written.unlabelled,
            "without_own_attribution": self.unattributed,
            "licences_without_text": self.unlicensed,
            "classes": dict(self.written.classes),
        }


def write_failed(folder: DataFolder, failed: list[tuple[str, str]]) -> None:
    """Write ``failed.csv``, or remove it if nothing failed."""
    if not failed:
        (folder.root / "failed.csv").unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    writer = PlainWriter(text)
    writer.writerow(("isic_id", "reason"))
    writer.writerows(sorted(failed))
    folder.write_text("failed.csv", text.getvalue())
