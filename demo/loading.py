"""Loads the network in the background; whoever needs it waits."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from demo.services import State
from model.errors import ModelError
from model.inference.study import Study

log = logging.getLogger(__name__)


class LoadedPredictor(Protocol):
    """What a loaded predictor must offer."""

    def study(self, image: Path | bytes) -> Study:
        """Open a photograph."""


class BackgroundPredictor:
    """A predictor that loads while the page is already up. Safe to use from many threads."""

    def __init__(self, load: Callable[[], LoadedPredictor]) -> None:
        """Take the function that loads the predictor; it runs once, in its own thread."""
        self._load = load
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._predictor: LoadedPredictor | None = None
        self._ended = False

    def start(self) -> None:
        """Begin to load, unless that has begun."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="load network")
                self._thread.start()

    def ready(self) -> bool:
        """Wait until loading has ended, and say whether it succeeded."""
        self.start()
        self._thread.join()
        return self._predictor is not None

    def state(self) -> State:
        """How far loading is."""
        ended = self._ended  # before the predictor, which is set first
        if self._predictor is not None:
            return "ready"
        return "failed" if ended else "loading"

    def study(self, image: Path | bytes) -> Study:
        """Wait for the network and open a photograph.

        Raises:
            ImageError: the file cannot be read as a photograph.
            RuntimeError: the network could not be loaded.
        """
        if not self.ready():
            raise RuntimeError("the network could not be loaded")
        return self._predictor.study(image)

    def _run(self) -> None:
        try:
            self._predictor = self._load()
        except ModelError:
            log.exception("The network could not be loaded")
        finally:
            self._ended = True
