"""A DICOM file as the photograph: a button, since browsers cannot show such a file."""

from collections.abc import Sequence

import gradio as gr
from gradio.events import Dependency

from demo.inputs import Inputs, shown_value
from demo.photograph import photograph_into, uploaded, user_errors
from demo.prediction import context_words
from demo.texts import Texts
from model.data.context import recorded_patient
from model.patient import Field, Patient


class DicomUpload:
    """A button that fills photograph and patient; the file itself is deleted when it was read."""

    def __init__(self, texts: Texts) -> None:
        """Lay it out. It takes any name, since clinics' files often have no suffix."""
        self._texts = texts
        self.button = gr.UploadButton(texts.inputs.dicom, size="sm", elem_id="dicom")

    def connect(self, image: gr.Image, inputs: Inputs, **options: object) -> Dependency:
        """Read a file when it is uploaded; gives that event. ``options`` are Gradio's.

        Fields that the file does not state become unknown: what stands there may be of the patient
        before.
        """
        fields = tuple(inputs)

        def read(given: str | None) -> tuple:
            file = uploaded(given, self._texts)
            try:
                with user_errors(self._texts):
                    path = photograph_into(image, file)
                recorded = recorded_patient(file, fields)
            finally:
                file.unlink(missing_ok=True)
            gr.Info(self._said(recorded, fields), duration=20)
            shown = [shown_value(recorded.get(field.key), field) for field in fields]
            return path, None, *shown

        outputs = [image, self.button, *inputs.values()]
        return self.button.upload(read, self.button, outputs, **options)

    def _said(self, recorded: Patient, fields: Sequence[Field]) -> str:
        words = self._texts.inputs
        if not recorded:
            return words.dicom_silent
        context = context_words(recorded, fields, self._texts)
        return words.dicom_read.format(context=context)
