"""The tray: a session's cases, what is marked on them, how two differ, and the export.

Nothing here outlives the session: a case refers to its upload and expires with it.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO, StringIO
from pathlib import Path
from secrets import token_hex
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from demo.access import KEPT_SECONDS
from demo.formatting import Numbers, jpeg_uri, percentages
from demo.inputs import label_of
from demo.lesions import draw_frame
from demo.prediction import doubts
from demo.texts import Texts
from model.diagnosis import COARSE_LABELS, DIAGNOSES, DIAGNOSIS_NAMES
from model.frame import Box, Frame, box_text
from model.image import read_image
from model.inference.bundle import Manifest
from model.inference.prediction_table import plain_cell, same_lesion
from model.inference.study import Study
from model.patient import Field, NumberField, Patient, Value
from model.tasks import TASKS

MOST_CASES = 20
MOST_LETTERS = 200
"""Of what is entered about a case."""

FOLDER = "lesion-cases"
FILE = f"{FOLDER}.zip"
FILE_SECONDS = 300
"""The server keeps an export for so long: with the age of its uploads, still within the hour."""

_QUALITY = 95  # of the JPEGs, without subsampled colour: training is to see what the camera gave
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
    """A photograph with its patient, and the prediction for them."""

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
    frame: Frame | None = None  # the square that the network saw
    size: tuple[int, int] = (0, 0)  # of the photograph in which the frame is


@dataclass(frozen=True)
class Tray:
    """Immutable, so that handlers that run at the same time cannot mix two states up."""

    cases: tuple[Case, ...] = ()
    chosen: tuple[int, ...] = ()
    """Numbers of the one or two that are open; the last is the one that is edited."""
    added: int = 0  # so that a number never means two cases
    session: str = ""  # tells images of several exports apart

    @property
    def is_full(self) -> bool:
        """Whether one must be removed before the next is added."""
        return len(self.cases) >= MOST_CASES

    @property
    def open_cases(self) -> list[Case]:
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
        """Open a case, beside the one opened before; an open one is closed."""
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
    """The photograph enlarged, as a data URI; ``frame`` is in pixels of its ``size``.

    Raises:
        ImageError: the upload has expired.
    """
    photograph = read_image(upload)
    photograph.thumbnail((_LARGE, _LARGE))
    draw_frame(photograph, frame, size)
    return jpeg_uri(photograph)


# === The table beside one or two cases ===


@dataclass(frozen=True)
class CaseTable:
    """Context and answers of the chosen cases, as text; the first cell of a row names it."""

    head: list[str]
    rows: list[list[str]]


def case_table(tray: Tray, manifest: Manifest, texts: Texts) -> CaseTable:
    """Compare the open cases; with all photographs of a lesion, if it is one of several."""
    cases, words = tray.open_cases, texts.cases
    lesions = {case.marks.lesion for case in cases}
    of_lesion = tray.of_lesion(lesions.pop()) if len(lesions) == 1 else []
    head = [words.row, *(words.case.format(number=case.number) for case in cases)]
    head += [words.difference] * (len(cases) == 2)
    head += [words.together.format(count=len(of_lesion))] * (len(of_lesion) > 1)
    rows = [_field_row(cases, field, texts) for field in manifest.patient.fields]
    rows.append([words.confirmed, *_confirmed(cases, manifest, texts)])
    rows += _answer_rows(cases, of_lesion, manifest.classes, texts)
    return CaseTable(head, [row + [""] * (len(head) - len(row)) for row in rows])


def _field_row(cases: Sequence[Case], field: Field, texts: Texts) -> list[str]:
    values = [case.context.get(field.key) for case in cases]
    shown = [_shown(value, texts) for value in values]
    return [label_of(field.key, texts), *shown, *_difference(values, field, texts)]


def _difference(values: Sequence[Value | None], field: Field, texts: Texts) -> list[str]:
    if len(values) < 2:
        return []
    before, after = values
    if before is after is None:
        return [""]
    if before == after:
        return [texts.cases.same]
    if isinstance(field, NumberField) and None not in values:
        return [f"{texts.numbers.write(after - before, '+g')} {texts.word(field.unit)}"]
    return [texts.cases.different]


def _confirmed(cases: Sequence[Case], manifest: Manifest, texts: Texts) -> list[str]:
    names = confirmable(manifest)
    return [names.get(case.marks.diagnosis, texts.cases.none) for case in cases]


def _answer_rows(
    cases: Sequence[Case], of_lesion: Sequence[Case], names: dict[str, str], texts: Texts
) -> list[list[str]]:
    numbers = texts.numbers
    columns = [_percents(case.probabilities, numbers) for case in cases]
    if len(cases) == 2:
        moved = points(*cases)
        unit = texts.result.points
        columns.append({code: f"{numbers.signed(change)} {unit}" for code, change in moved.items()})
    if len(of_lesion) > 1:
        columns.append(_percents(together(of_lesion), numbers))
    return [[name, *(column[code] for column in columns)] for code, name in names.items()]


def _percents(probabilities: dict[str, float], numbers: Numbers) -> dict[str, str]:
    return {code: numbers.of_hundred(share) for code, share in percentages(probabilities).items()}


def _shown(value: Value | None, texts: Texts) -> str:
    if value is None:
        return texts.inputs.unknown
    return texts.numbers.write(value, "g") if isinstance(value, float) else value


# === The export ===


def export(tray: Tray, fields: Sequence[Field], diagnoses: Mapping[str, str]) -> bytes:
    """Pack all cases into a zip file of a data folder in the challenge's layout.

        lesion-cases/images/case-*.jpg      upright, in sRGB, without EXIF or the upload's name
        lesion-cases/cases_GroundTruth.csv  one row per confirmed diagnosis
        lesion-cases/cases_Metadata.csv     image, lesion_id, patient_id, a column per field
        lesion-cases/cases.csv              labels, notes and answers; no command reads it

    Unpacked, ``python -m model evaluate --data lesion-cases --part all`` and ``train`` read it.
    Images of several exports differ in name; equal marks of lesion or patient mean the same one in
    all. ``diagnoses`` are those that may be confirmed, by code.

    Raises:
        ImageError: an upload has expired.
    """
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for case in tray.cases:
            name = f"{FOLDER}/images/{case.image}.jpg"
            archive.writestr(name, _jpeg(case), compress_type=ZIP_STORED)
        for name, rows in {
            "cases_GroundTruth": _truth(tray, list(diagnoses)),
            "cases_Metadata": _metadata(tray, fields),
            "cases": _answers(tray),
        }.items():
            archive.writestr(f"{FOLDER}/{name}.csv", _csv(rows))
    return content.getvalue()


def _truth(tray: Tray, codes: Sequence[str]) -> Iterable[Sequence[object]]:
    confirmed = [case for case in tray.cases if case.marks.diagnosis]
    found = {case.marks.diagnosis for case in confirmed}
    # Labels of one's own need an image each; those of the challenge are columns in any case.
    columns = [code for code in codes if code in (*DIAGNOSES, *COARSE_LABELS) or code in found]
    yield ["image", *columns]
    for case in confirmed:
        yield [case.image, *(float(code == case.marks.diagnosis) for code in columns)]


def _metadata(tray: Tray, fields: Sequence[Field]) -> Iterable[Sequence[object]]:
    yield ["image", "lesion_id", "patient_id", *(field.column for field in fields)]
    for case in tray.cases:
        lesion, patient = case.marks.lesion, tray.patient_of(case)
        yield [
            case.image,
            lesion and f"lesion-{lesion}",
            patient and f"patient-{patient}",
            *(case.context.get(field.key, "") for field in fields),
        ]


def _answers(tray: Tray) -> Iterable[Sequence[object]]:
    codes = list(tray.cases[0].probabilities) if tray.cases else []
    marked = ("label", "confirmed", "lesion", "patient", "note")
    yield ["image", *marked, "warnings", "box", "frame", *codes]
    for case in tray.cases:
        marks = case.marks
        yield [
            case.image,
            *(marks.label, marks.diagnosis, marks.lesion, tray.patient_of(case), marks.note),
            " ".join(case.warnings),
            *(box_text(case.box), box_text(case.frame and case.frame.box)),
            *(f"{case.probabilities[code]:.9g}" for code in codes),
        ]


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([plain_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _jpeg(case: Case) -> bytes:
    buffer = BytesIO()
    read_image(case.upload).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
