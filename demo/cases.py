"""The tray: a session's cases, what is marked on them, and how they differ.

Nothing here outlives the session: a case refers to its upload and expires with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import numpy as np

from demo.access import KEPT_SECONDS
from demo.formatting import jpeg_uri, percentages
from demo.lesions import draw_frame
from demo.prediction import doubts
from model.diagnosis import COARSE_LABELS, DIAGNOSES, DIAGNOSIS_NAMES
from model.frame import Box, Frame
from model.image import read_image
from model.inference.bundle import Manifest
from model.inference.prediction_table import same_lesion
from model.inference.study import Study
from model.patient import Patient
from model.tasks import TASKS

MOST_CASES = 20
MOST_LETTERS = 200
"""Of what is entered about a case."""

_THUMBNAIL = 144  # pixels, twice what is shown
_LARGE = 1600  # pixels; the longest side of a photograph that is opened


@dataclass(frozen=True)
class Marks:
    """What the visitor enters about a case; empty where nothing is known."""

    label: str = ""
    diagnosis: str = ""  # code of the confirmed one
    lesion: str = ""  # cases of one lesion bear the same
    patient: str = ""
    note: str = ""

    @classmethod
    def parse(cls, diagnoses: Mapping[str, str], **entered: object) -> "Marks":
        """Trim what came from a form; a diagnosis that is not among the codes is none."""
        plain = {name: " ".join(str(raw or "").split()) for name, raw in entered.items()}
        marks = cls(**{name: text[:MOST_LETTERS] for name, text in plain.items()})
        return marks if marks.diagnosis in diagnoses else replace(marks, diagnosis="")


@dataclass(frozen=True)
class Case:
    """A photograph with its patient, and what the network said of them."""

    number: int  # from 1, in the order of adding
    image: str  # its name in an export; uploads may be called after patients
    upload: Path
    thumbnail: str  # an address
    context: Patient
    probabilities: Mapping[str, float]  # by code
    warnings: Sequence[str]  # keys of texts.quality
    expires: float  # seconds since the epoch
    marks: Marks = Marks()
    box: Box | None = None  # of the lesion that was chosen; None: the one that was found
    frame: Frame | None = None  # that the network looked at
    size: tuple[int, int] = (0, 0)  # of the photograph in which the frame is


@dataclass(frozen=True)
class Tray:
    """Immutable, so that handlers that run at the same time cannot mix two states up."""

    cases: tuple[Case, ...] = ()
    chosen: tuple[int, ...] = ()
    """Numbers of the one or two that are looked at; the last is the one that is edited."""
    added: int = 0  # so that a number never means two cases
    session: str = ""  # tells images of several exports apart

    @property
    def is_full(self) -> bool:
        """Whether one must be removed before the next is added."""
        return len(self.cases) >= MOST_CASES

    @property
    def looked_at(self) -> list[Case]:
        """The chosen cases, in the order of adding."""
        return [case for case in self.cases if case.number in self.chosen]

    @property
    def edited(self) -> Case | None:
        """The case whose marks are in the form."""
        return next((one for one in self.cases if self.chosen[-1:] == (one.number,)), None)

    def holds(self, upload: Path, context: Patient, box: Box | None = None) -> bool:
        """Whether this lesion of a photograph with this context is a case already."""
        given = upload, context, box
        return any((case.upload, case.context, case.box) == given for case in self.cases)

    def add(self, upload: Path, study: Study, context: Patient, box: Box | None = None) -> "Tray":
        """Append a case, of the lesion that was found or of the one that was chosen.

        Raises FileNotFoundError where the upload has expired.
        """
        picture, frame = study.photograph.copy(), study.framed.frame
        picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
        draw_frame(picture, frame, study.size)
        session, number = self.session or token_hex(3), self.added + 1
        case = Case(
            number,
            f"case-{session}-{number:02d}",
            upload,
            jpeg_uri(picture),
            context,
            study.probabilities(context),
            doubts(study),
            expiry(upload),
            box=box,
            frame=frame,
            size=study.size,
        )
        return replace(self, cases=(*self.cases, case), added=number, session=session)

    def current(self, now: float) -> "Tray":
        """Without what has expired; ``now`` is in seconds since the epoch."""
        return self._with([c for c in self.cases if now < c.expires and c.upload.exists()])

    def remove(self, number: int) -> "Tray":
        """Without one case; its upload may still be on the page."""
        return self._with([case for case in self.cases if case.number != number])

    def choose(self, number: int) -> "Tray":
        """Look at a case, beside the one chosen before; a chosen one is no longer looked at."""
        if number not in [case.number for case in self.cases]:
            return self
        others = tuple(other for other in self.chosen if other != number)
        chosen = others if number in self.chosen else (*others[-1:], number)
        return replace(self, chosen=chosen)

    def mark(self, number: int, marks: Marks) -> "Tray":
        """Enter marks of one case in place of those that it has."""
        cases = [replace(c, marks=marks) if c.number == number else c for c in self.cases]
        return replace(self, cases=tuple(cases))

    def of_lesion(self, lesion: str) -> list[Case]:
        """All cases that are marked as one lesion; none without a mark."""
        return [case for case in self.cases if lesion and case.marks.lesion == lesion]

    def patients_of(self, lesion: str) -> list[str]:
        """The patients that cases of one lesion are marked with: one at most, unless a mistake."""
        found = [case.marks.patient for case in self.of_lesion(lesion) if case.marks.patient]
        return list(dict.fromkeys(found))

    def patient_of(self, case: Case) -> str:
        """A case's patient, who may be stated on another case of the same lesion only."""
        return case.marks.patient or next(iter(self.patients_of(case.marks.lesion)), "")

    def _with(self, cases: Sequence[Case]) -> "Tray":
        left = {case.number for case in cases}
        chosen = tuple(number for number in self.chosen if number in left)
        return replace(self, cases=tuple(cases), chosen=chosen)


def together(cases: Sequence[Case]) -> dict[str, float]:
    """One answer to several photographs of a lesion: code → probability."""
    codes = list(cases[0].probabilities)
    rows = np.array([[case.probabilities[code] for code in codes] for case in cases])
    return dict(zip(codes, same_lesion(rows).tolist(), strict=True))


def points(first: Case, second: Case) -> dict[str, float]:
    """By how many percentage points the second's answer differs, as both are shown."""
    before, after = percentages(first.probabilities), percentages(second.probabilities)
    return {code: after[code] - before[code] for code in before}


def confirmable(manifest: Manifest) -> dict[str, str]:
    """Diagnoses that may be confirmed: those that a table of ground truth can hold.

    The network's classes, or the eight diagnoses where a class such as "not a melanoma" is none.
    """
    labels = {*DIAGNOSES, *COARSE_LABELS}
    fits = manifest.task.name not in TASKS or set(manifest.classes) <= labels
    return dict(manifest.classes) if fits else dict(DIAGNOSIS_NAMES)


def expiry(upload: Path) -> float:
    """When Gradio deletes an upload, in seconds since the epoch; raises FileNotFoundError."""
    return upload.stat().st_ctime + KEPT_SECONDS


def large(upload: Path, frame: Frame | None, size: tuple[int, int]) -> str:
    """The photograph to look at, as an address; ``frame`` is in pixels of its ``size``.

    Raises:
        ImageError: the upload has expired.
    """
    photograph = read_image(upload)
    photograph.thumbnail((_LARGE, _LARGE))
    draw_frame(photograph, frame, size)
    return jpeg_uri(photograph)
