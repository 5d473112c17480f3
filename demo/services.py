"""What the page is given: all that it can ask for and what it knows without the network."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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

    study: Callable[[Path | bytes], Study]
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
