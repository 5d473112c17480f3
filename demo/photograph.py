"""The photograph: its inputs, also for DICOM files, and opening it with its patient."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import gradio as gr
from gradio.events import Dependency
from gradio.utils import get_upload_folder
from PIL import Image

from demo.gradio_patches import into_cache, keep_path, user_error
from demo.inputs import Inputs, shown_value
from demo.prediction import context_words
from demo.services import Services
from demo.texts import Texts
from model.data.context import fill_unknown, recorded_patient
from model.errors import ModelError
from model.frame import Box
from model.image import HEAD, content_kind, opened, read_image
from model.inference.study import Study
from model.patient import Field, Patient

_SHOWN = ("JPEG", "PNG", "WEBP")  # by browsers
_BESIDE = 112  # pixels


def image_input(texts: Texts, *, height: int = 265) -> gr.Image:
    """A photograph by upload, paste or camera."""
    image = gr.Image(
        type="filepath",
        sources=["upload", "clipboard", "webcam"],
        label=texts.inputs.image,
        alt_text=texts.inputs.image_alt,
        height=height,
        elem_id="image",
        buttons=[],
    )
    keep_path(image)
    return image


def photograph_into(image: gr.Image, file: Path | bytes) -> str:
    """Save a photograph among the uploads, as JPEG if browsers cannot show it; gives its path.

    Raises:
        ImageError: it would have to be converted, and cannot be read.
    """
    with opened(file) as stream:
        kind = content_kind(stream.read(HEAD))
    if kind in _SHOWN:
        return into_cache(image, file, "photograph.jpg")
    buffer = BytesIO()
    read_image(file).save(buffer, "JPEG", quality=95, subsampling=0)
    return into_cache(image, buffer.getvalue(), "photograph.jpg")


def open_study(
    services: Services,
    image: object,
    context: Mapping[str, object],
    texts: Texts,
    *,
    box: Box | None = None,
) -> tuple[Study, Patient]:
    """Check what came in and open the photograph; what can be mended becomes a sentence.

    ``context`` is by the fields' keys; of them the network takes those that it knows. ``box``
    is the lesion's, if it is not to be found.

    Raises:
        gr.Error: with a sentence for the visitor or program.
    """
    path = uploaded(image, texts)
    fields = services.manifest.patient.fields
    own = {field.key: context.get(field.key) for field in fields}
    with user_errors(texts):
        patient = Patient.parse(own, fields)
        return services.study(path, box=box), fill_unknown(patient, path, fields)


def small(photograph: Image.Image) -> Image.Image:
    """A copy that is twice as high as it stands beside an answer."""
    copy = photograph.copy()
    copy.thumbnail((_BESIDE * 2, _BESIDE))
    return copy


def uploaded(path: object, texts: Texts) -> Path:
    """Accept the path of an uploaded file, or of an example that the page handed out.

    Gradio checks a path only where the request calls it a file, and requests may leave that out.

    Raises:
        gr.Error: with a sentence for the visitor or program.
    """
    if not path:
        raise user_error(texts.errors.no_image)
    folder = Path(get_upload_folder()).resolve()
    if not isinstance(path, str) or not _is_below(path, folder):
        raise user_error(texts.errors.not_uploaded)
    return Path(path)


@contextmanager
def user_errors(texts: Texts) -> Iterator[None]:
    """Turn what can be mended, and a network that could not be loaded, into a sentence.

    Raises:
        gr.Error: with the sentence.
    """
    try:
        yield
    except ModelError as error:
        raise user_error(error) from error
    except RuntimeError as error:
        raise user_error(texts.status.failed) from error


def _is_below(path: str, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder)
    except (OSError, ValueError):  # a name that is too long, or with a zero byte
        return False


class DicomUpload:
    """A button that fills photograph and patient from a DICOM file, which browsers cannot show.

    The file itself is deleted once it has been read.
    """

    def __init__(self, texts: Texts) -> None:
        """Add the button. It takes any name, since clinics' files often have no suffix."""
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
            gr.Info(self._message(recorded, fields), duration=20)
            shown = [shown_value(recorded.get(field.key), field) for field in fields]
            return path, None, *shown

        outputs = [image, self.button, *inputs.values()]
        return self.button.upload(read, self.button, outputs, **options)

    def _message(self, recorded: Patient, fields: Sequence[Field]) -> str:
        words = self._texts.inputs
        if not recorded:
            return words.dicom_silent
        context = context_words(recorded, fields, self._texts)
        return words.dicom_read.format(context=context)
