"""The networks behind the page: what each offers, how it loads, and the chooser."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import gradio as gr

from demo.inputs import QUIET, compact_radio
from demo.texts import Texts
from model.errors import ModelError
from model.frame import Box
from model.inference.bundle import Manifest
from model.inference.study import Study
from model.patient import Field, Patient

State = Literal["loading", "ready", "failed"]
"""Of the network."""

Thumbnail = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Example:
    """A photograph to try, with its patient and what it shows."""

    image: Path | bytes
    patient: Patient
    diagnosis: str  # class code; before demo.examples.of_task also a finer diagnosis
    origin: str  # where it is from and whose it is; empty for a drawn one
    real: bool  # False: drawn
    misclassified: bool = False  # the network finds another diagnosis most probable


def _none() -> list[Example]:
    return []


def _ready() -> State:
    return "ready"


def no_thumbnail(isic_id: str) -> bytes | None:
    """Give none."""
    return None


@dataclass(frozen=True)
class Services:
    """Callables and facts that the tabs are built on."""

    study: Callable[..., Study]  # of a file or its content, and box=, the lesion's
    """Opens a photograph; waits until the network is loaded. Raises ImageError, or RuntimeError
    when the network could not be loaded."""
    ready: Callable[[], bool]
    """Waits until the network is loaded; false when that failed."""
    manifest: Manifest
    examples: Callable[[], list[Example]] = _none
    thumbnail: Thumbnail = no_thumbnail
    """JPEG of an image of the Archive, by its id; None where the Archive cannot be reached."""
    state: Callable[[], State] = _ready
    """How far loading is; does not wait."""
    architecture: bytes | None = None
    """A picture of the network, as SVG."""
    run: str = ""
    """Name of the run that the bundle is from, to tell networks of one name apart."""

    def in_language(self, texts: Texts) -> "Services":
        """The same with the classes' names in a language, as far as it has them."""
        classes = {code: texts.word(name) for code, name in self.manifest.classes.items()}
        return replace(self, manifest=replace(self.manifest, classes=classes))

    def choices(self) -> list[tuple[str, str]]:
        """Names to choose a class by, with its code; a translated one has the code beside it."""
        english = self.manifest.task.classes
        return [
            (name if english.get(code, name) == name else f"{name} ({code})", code)
            for code, name in self.manifest.classes.items()
        ]


def fields_of(offered: Sequence[Services]) -> tuple[Field, ...]:
    """All fields of the patient that any of the networks knows, each once."""
    found: dict[str, Field] = {}
    for services in offered:
        found = {field.key: field for field in services.manifest.patient.fields} | found
    return tuple(found.values())


def names_of(offered: Sequence[Services]) -> list[str]:
    """The networks' names, in their order; to equal ones their run is added, or a number."""
    names = [services.manifest.name for services in offered]
    by_run = [f"{name} ({one.run})" for name, one in zip(names, offered, strict=True)]
    seen, found = Counter(), []
    for name, with_run in zip(names, by_run, strict=True):
        seen[name] += 1
        apart = with_run if by_run.count(with_run) == 1 else f"{name} ({seen[name]})"
        found.append(apart if names.count(name) > 1 else name)
    return found


class Networks:
    """Lays out what belongs to each network, of which only the chosen one's is seen."""

    def __init__(self, offered: Sequence[Services]) -> None:
        """Take the networks, of which the first is chosen at first."""
        self.offered = offered
        self.chooser: gr.Radio | None = None
        self._panels: list[tuple[int, gr.Column]] = []

    def add_chooser(self, label: str) -> None:
        """Show the names of the networks to choose from, if there are several."""
        if len(self.offered) > 1:
            choices = [(name, number) for number, name in enumerate(names_of(self.offered))]
            self.chooser = compact_radio(choices, value=0, label=label, elem_id="network")

    def each(self) -> Iterator[Services]:
        """Give each network inside a column of its own."""
        if len(self.offered) == 1:
            yield self.offered[0]
            return
        for number, services in enumerate(self.offered):
            with gr.Column(visible=number == 0) as panel:
                self._panels.append((number, panel))
                yield services

    def connect(self) -> None:
        """Let the chooser change what is seen; call it when everything is laid out."""
        if self.chooser:
            panels = [panel for _, panel in self._panels]
            self.chooser.input(self._seen, self.chooser, panels, queue=False, **QUIET)

    def _seen(self, chosen: int) -> list[gr.Column]:
        return [gr.Column(visible=number == chosen) for number, _ in self._panels]


log = logging.getLogger(__name__)


class LoadedPredictor(Protocol):
    """What a loaded predictor must offer."""

    def study(self, image: Path | bytes, *, box: Box | None = None) -> Study:
        """Open a photograph, its lesion found or given as a box."""


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

    def study(self, image: Path | bytes, *, box: Box | None = None) -> Study:
        """Wait for the network and open a photograph, its lesion found or given as a box.

        Raises:
            ImageError: the file cannot be read as a photograph.
            RuntimeError: the network could not be loaded.
        """
        if not self.ready():
            raise RuntimeError("the network could not be loaded")
        return self._predictor.study(image, box=box)

    def _run(self) -> None:
        try:
            self._predictor = self._load()
        except ModelError:
            log.exception("The network could not be loaded")
        finally:
            self._ended = True
