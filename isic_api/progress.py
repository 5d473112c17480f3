"""What a person sees of a long run: one bar, waits and warnings, all on stderr."""

import sys
import threading
import time

from tqdm import tqdm

from isic_api.disk import amount

_REPEAT = 10.0  # seconds before the same news is told again


class Progress:
    """One bar with images, bytes and rate; every method may be called from any thread.

    ``quiet`` prints nothing; ``warnings`` are kept in any case.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bytes = 0
        self.warnings: list[str] = []
        self._bar: tqdm | None = None
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
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
        """One more is done; ``size`` in bytes, 0 if it was here already."""
        self.bytes += size
        if self._bar is not None:
            rate = self.bytes / max(time.monotonic() - self._began, 1e-3)
            text = f"{amount(self.bytes)}, {amount(rate)}/s"
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()

    def advance(self, size: int) -> None:
        if self._bar is not None:
            self._bar.update(size)

    def wait(self, seconds: float, reason: str) -> None:
        """For :class:`~isic_api.session.Session`'s ``on_wait``."""
        if seconds >= 1:
            self.say(f"waiting {seconds:.0f} s ({reason})")
        else:
            self.say(f"trying again ({reason})")

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.say(f"warning: {text}")

    def say(self, text: str) -> None:
        """A line above the bar; the same line at most every ten seconds."""
        with self._lock:
            now = time.monotonic()
            if now - self._told.get(text, -_REPEAT) < _REPEAT:
                return
            self._told[text] = now
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)
            sys.stderr.flush()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
