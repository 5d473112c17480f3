"""Cases: the session's tray, two cases side by side, what is known of them, and the export."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import gradio as gr
from markupsafe import Markup

from demo.access import KEPT_SECONDS
from demo.cases import (
    FILE,
    FILE_SECONDS,
    MOST_CASES,
    MOST_LETTERS,
    Case,
    Marks,
    Tray,
    case_table,
    confirmable,
    expiry,
    export,
    large,
)
from demo.explanations import Shown
from demo.formatting import in_sentence, most_probable, percentages
from demo.gradio_patches import event_value, into_cache, user_error
from demo.inputs import PRIVATE, QUIET, compact_radio, styled_html
from demo.photograph import user_errors
from demo.prediction import MELANOMA_CODE, context_words
from demo.scripts import script
from demo.services import Services
from demo.templates import Templates
from demo.texts import Texts


@dataclass(frozen=True)
class Enlarge:
    """Opens the photograph of an answer large. Hidden by the style while there is no answer."""

    opened: gr.Accordion
    viewer: gr.HTML

    @classmethod
    def lay_out(cls, texts: Texts) -> "Enlarge":
        """Closed at first."""
        with gr.Accordion(texts.cases.enlarge, open=False, elem_id="enlarge") as opened:
            viewer = styled_html(elem_id="enlarged", js_on_load=script("viewer"))
        return cls(opened, viewer)


@dataclass(frozen=True)
class Keep:
    """Beside an answer: keeps it as a case. Hidden by the style while there is no answer."""

    button: gr.Button
    status: gr.HTML
    enlarge: Enlarge

    @classmethod
    def lay_out(cls, texts: Texts, answer: gr.HTML, enlarge: Enlarge) -> "Keep":
        """Button and words in a row below the answer."""
        with gr.Row(elem_classes="keep"):
            button = gr.Button(texts.cases.add, size="sm", scale=0, min_width=140, elem_id="keep")
            status = styled_html(_status(), elem_id="kept")
        # The message and the large photograph belong to the previous answer.
        answer.change(fn=None, outputs=status, js=f"() => '{_status()}'", **QUIET)
        answer.change(_closed, None, [enlarge.opened, enlarge.viewer], queue=False, **QUIET)
        return cls(button, status, enlarge)


class Cases:
    """The tab of one network."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Add its components."""
        self.manifest, self.templates = services.manifest, templates
        self.words = templates.texts.cases
        self.diagnoses = confirmable(services.manifest)
        self.tray = gr.State(Tray(), time_to_live=KEPT_SECONDS)
        intro = self.words.intro.format(most=MOST_CASES)
        styled_html(templates.render("paragraph", text=intro, kind="prose"))
        self.list = styled_html(self.tray_html(Tray()), elem_id="tray", js_on_load=script("tray"))
        with gr.Row(visible=False, elem_classes="wide") as self.opened:
            with gr.Column(scale=6, min_width=280):
                self.viewer = styled_html(elem_id="viewer", js_on_load=script("viewer"))
            with gr.Column(scale=4, min_width=280):
                self.heading = styled_html(elem_id="case-heading")
                self.form = self._lay_out_form()
                with gr.Row():
                    self.remove = gr.Button(self.words.remove, min_width=100)
                    self.save = gr.Button(self.words.save, variant="primary", min_width=160)
        with gr.Row(visible=False) as self.exporting:
            self.export = gr.Button(
                self.words.export, scale=0, min_width=280, elem_id="case-export"
            )
            self.file = gr.DownloadButton(
                self.words.download,
                variant="primary",
                visible=False,
                scale=0,
                min_width=280,
                elem_id="case-file",
            )
        self.status = styled_html(_status(), elem_id="case-said")

    def connect(self, keep: Keep, shown: gr.State) -> None:
        """Keep answers of the Predict tab, and let all controls change the tray."""
        kept = [self.tray, self.list, self.exporting, self.file, self.status, keep.status]
        keep.button.click(self.keep_for(keep), [self.tray, shown], kept, **QUIET)
        keep.enlarge.opened.expand(self.enlarge, shown, keep.enlarge.viewer, **PRIVATE)
        entered = [self.tray, *self.form]
        filled = [
            *(self.tray, self.list, self.opened, self.viewer, self.heading, *self.form),
            *(self.exporting, self.file, self.status),
        ]
        self.list.select(self.choose, entered, filled, **QUIET)
        for asked in (self.save.click, *(part.submit for part in self._texts())):
            asked(self.enter, entered, filled, **QUIET)
        self.remove.click(self.discard, self.tray, filled, **QUIET)
        self.export.click(self.pack, entered, filled, **PRIVATE)

    def keep_for(self, keep: Keep) -> Callable[[Tray, Shown | None], dict]:
        """What the button does: add the answer that is shown, with the context that it was for."""

        def keep_shown(tray: Tray, shown: Shown | None) -> dict:
            tray, words = tray.current(time.time()), self.words
            if shown is None or shown.upload is None or not shown.upload.exists():
                raise user_error(words.nothing_to_add)
            message = words.already
            case = shown.patient, shown.chosen
            if not tray.holds(shown.upload, *case):
                if tray.is_full:
                    raise user_error(words.full.format(most=MOST_CASES))
                tray = tray.add(shown.upload, shown.study, *case)
                message = words.added.format(number=tray.added, room=MOST_CASES - len(tray.cases))
            return self._around(tray) | {self.tray: tray, keep.status: _status(message)}

        return keep_shown

    def enlarge(self, shown: Shown | None) -> Markup:
        """The photograph of the answer, to zoom and pan."""
        if shown is None or shown.upload is None or not shown.upload.exists():
            raise user_error(self.words.nothing_to_add)
        with user_errors(self.templates.texts):
            photograph = large(shown.upload, shown.study.framed.frame, shown.study.size)
        title = self.templates.texts.report.photograph
        opened = [(title, expiry(shown.upload), photograph)]
        return self.templates.render("viewer", shown=opened, table=None, place="answer")

    def choose(self, tray: Tray, event: gr.EventData, *entered: str) -> dict:
        """Open a case, or close it; what was entered of another is not lost."""
        number = event_value(event, "number")
        tray = self._entered(tray, entered)
        return self._show(tray.choose(number) if isinstance(number, int) else tray)

    def enter(self, tray: Tray, *entered: str) -> dict:
        """Take what was entered."""
        return self._show(self._entered(tray, entered)) | {self.status: _status(self.words.saved)}

    def discard(self, tray: Tray) -> dict:
        """Remove the case in the form."""
        tray = tray.current(time.time())
        return self._show(tray.remove(tray.edited.number) if tray.edited else tray)

    def pack(self, tray: Tray, *entered: str) -> dict:
        """Pack all cases, and say what is in the file."""
        tray = self._entered(tray, entered)
        if not tray.cases:
            return self._show(tray)
        with user_errors(self.templates.texts):
            content = export(tray, self.manifest.patient.fields, self.diagnoses)
        confirmed = sum(bool(case.marks.diagnosis) for case in tray.cases)
        counts = {"cases": len(tray.cases), "confirmed": confirmed, "minutes": FILE_SECONDS // 60}
        message = self.words.packed.format(**counts, without=counts["cases"] - confirmed)
        message += f" {self.words.command if confirmed else self.words.none_confirmed}"
        path = into_cache(self.file, content, FILE)
        return self._show(tray) | {
            self.file: gr.DownloadButton(value=path, visible=True),
            self.status: _status(message),
        }

    def tray_html(self, tray: Tray) -> Markup:
        """The cases as buttons."""
        cases = [(case, self._described(tray, case)) for case in tray.cases]
        return self.templates.render("tray", cases=cases, chosen=tray.chosen, utc=_utc)

    def viewer_html(self, tray: Tray) -> Markup:
        """The chosen cases, enlarged, and their table."""
        if not tray.open_cases:
            return Markup("")
        with user_errors(self.templates.texts):
            shown = [
                (self._title(case), case.expires, large(case.upload, case.frame, case.size))
                for case in tray.open_cases
            ]
        table = case_table(tray, self.manifest, self.templates.texts)
        return self.templates.render("viewer", shown=shown, table=table, place="cases")

    def _lay_out_form(self) -> list[gr.components.FormComponent]:
        """In the order of the fields of ``Marks``."""
        words = self.words
        choices = [(name, code) for code, name in self.diagnoses.items()]
        label = _text(words.label, "case-label")
        diagnosis = compact_radio(
            [*choices, (words.none, "")], value="", label=words.confirmed, elem_id="case-diagnosis"
        )
        with gr.Row():
            lesion = _text(words.lesion, "case-lesion", info=words.lesion_rule)
            patient = _text(words.patient, "case-patient", info=words.patient_rule)
        return [label, diagnosis, lesion, patient, _text(words.note, "case-note")]

    def _texts(self) -> list[gr.Textbox]:
        return [part for part in self.form if isinstance(part, gr.Textbox)]

    def _entered(self, tray: Tray, entered: tuple[str, ...]) -> Tray:
        """The tray of now with what stands in the form.

        Raises:
            gr.Error: photographs of one lesion would be of two patients.
        """
        tray = tray.current(time.time())
        if tray.edited is None:
            return tray
        names = ("label", "diagnosis", "lesion", "patient", "note")
        marks = Marks.parse(self.diagnoses, **dict(zip(names, entered, strict=True)))
        tray = tray.mark(tray.edited.number, marks)
        if len(patients := tray.patients_of(marks.lesion)) > 1:
            named = " / ".join(patients)
            raise user_error(self.words.two_patients.format(lesion=marks.lesion, patients=named))
        return tray

    def _show(self, tray: Tray) -> dict:
        edited = tray.edited
        marks = edited.marks if edited else Marks()
        values = (marks.label, marks.diagnosis, marks.lesion, marks.patient, marks.note)
        return self._around(tray) | {
            self.tray: tray,
            self.opened: gr.Row(visible=edited is not None),
            self.viewer: self.viewer_html(tray),
            self.heading: self._heading(edited),
            **dict(zip(self.form, values, strict=True)),
        }

    def _around(self, tray: Tray) -> dict:
        """What follows the cases, whichever of them is open; an earlier export is old."""
        return {
            self.list: self.tray_html(tray),
            self.exporting: gr.Row(visible=bool(tray.cases)),
            self.file: gr.DownloadButton(value=None, visible=False),
            self.status: _status(),
        }

    def _heading(self, edited: Case | None) -> Markup:
        return Markup("<h2>{}</h2>").format(self._title(edited)) if edited else Markup("")

    def _title(self, case: Case) -> str:
        title = self.words.case.format(number=case.number)
        return f"{title}: {case.marks.label}" if case.marks.label else title

    def _described(self, tray: Tray, case: Case) -> list[str]:
        """A case in lines: title, context, answer, what may mislead there, and its marks."""
        words, marks, names = self.words, case.marks, self.manifest.classes
        shown, texts = percentages(case.probabilities), self.templates.texts
        codes = dict.fromkeys([most_probable(case.probabilities), MELANOMA_CODE])
        percent = texts.numbers.of_hundred
        answer = [f"{in_sentence(names[c])} {percent(shown[c])}" for c in codes if c in names]
        known = {
            words.confirmed_as: in_sentence(self.diagnoses.get(marks.diagnosis, "")),
            words.of_lesion: marks.lesion,
            words.of_patient: tray.patient_of(case),
        }
        marked = [text.format(mark=mark) for text, mark in known.items() if mark]
        context = context_words(case.context, self.manifest.patient.fields, texts)
        lines = [self._title(case), context, ", ".join(answer), self._warned(case)]
        return [line for line in (*lines, ", ".join(marked), marks.note) if line]

    def _warned(self, case: Case) -> str:
        quality = vars(self.templates.texts.quality)
        problems = ", ".join(quality[key] for key in case.warnings if key in quality)
        return self.words.warned.format(problems=problems) if problems else ""


def add_cases(services: Services, templates: Templates, keep: Keep, shown: gr.State) -> None:
    """Build the tab and connect its events."""
    Cases(services, templates).connect(keep, shown)


def _text(label: str, elem_id: str, info: str | None = None) -> gr.Textbox:
    return gr.Textbox(
        label=label, info=info, max_length=MOST_LETTERS, min_width=120, elem_id=elem_id
    )


def _closed() -> tuple[gr.Accordion, str]:
    return gr.Accordion(open=False), ""


def _status(text: str = "") -> Markup:
    """In a live region, which must be there before it says anything."""
    return Markup('<p role="status">{}</p>').format(text)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
