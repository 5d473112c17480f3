"""What programs are answered, over REST and through Gradio's client alike, and how they ask."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import Parameter, Signature

import gradio as gr

from demo.gradio_patches import user_error
from demo.photograph import open_study
from demo.prediction import Malignancy, malignancy
from demo.services import Services
from demo.texts import Texts
from model.errors import BoxError
from model.frame import Box, parse_box
from model.inference.bundle import Manifest
from model.inference.prediction_table import prediction_record
from model.inference.study import Study
from model.patient import Field, NumberField, Patient

ENDPOINT = "predict"
"""Name of Gradio's endpoint."""

MEANING = (
    "Probabilities are from 0 to 1 and sum to 1. A contribution says how far a field of the "
    "patient moved a probability from that of the image alone. The prediction set is a list that "
    "is set to contain the true diagnosis in most cases; an unlisted diagnosis is not ruled out. "
    "Malignancy is the sum of the malignant classes, beside the threshold that was set for 90 % "
    "sensitivity on validation images and what it gave on test images; null where the task does "
    "not say which classes are malignant. An OOD score above 1 means that the photograph is "
    "unlike the training images. Box and frame are x0, y0, x1, y1 in pixels of the upright "
    "photograph, null for a network that looks at all of it. The range is that of the probability "
    "over flips, rotations and frames: how far the answer depends on how the camera was held, not "
    "an uncertainty."
)
"""Of the values of a prediction."""

_ABOUT = """What POST /api/predict answers too. Classes: {codes}. {meaning}

image: a dermoscopic photograph, as JPEG or PNG. {fields}.
None or "unknown" where unknown. box: the lesion to look at in place of the one that is found, as in
"40,30,160,140": x0, y0, x1, y1 in pixels of the upright photograph; None or empty: it is found.
"""


@dataclass
class ModelVersion:
    """Which network predicted."""

    name: str
    network_sha256: str


@dataclass
class Prediction:
    """What the network predicted; keys of the inner objects are class codes or fields' columns."""

    model: ModelVersion
    inputs: dict[str, float | str | None]
    probabilities: dict[str, float]
    probabilities_of_image_alone: dict[str, float]
    contributions: dict[str, dict[str, float]]
    malignancy: Malignancy | None
    prediction_set: list[str]
    box: list[float] | None
    frame: list[float] | None
    lesions: int
    range: dict[str, list[float]]
    ood_score: float | None
    warnings: list[str]
    quality: list[str]
    notice: str

    @classmethod
    def of(cls, study: Study, patient: Patient, manifest: Manifest) -> "Prediction":
        """Query the network."""
        return cls(
            model=version(manifest),
            inputs={field.column: patient.get(field.key) for field in manifest.patient.fields},
            **prediction_record(study, patient),
            probabilities_of_image_alone=study.probabilities(Patient()),
            contributions=_contributions(study, patient, manifest),
            malignancy=malignancy(study.probabilities(patient), manifest),
            prediction_set=list(study.prediction_set(patient)),
            quality=list(study.quality),
            notice=manifest.intended_use,
        )


def version(manifest: Manifest) -> ModelVersion:
    """Of the network of a bundle."""
    return ModelVersion(manifest.name, manifest.network_sha256)


def takes(*parameters: Parameter) -> Callable[[Callable], Callable]:
    """Let a function that collects its arguments show these parameters instead.

    FastAPI and Gradio read signatures; which fields a patient has is known only at run time.
    """

    def described(function: Callable) -> Callable:
        returned = function.__annotations__.get("return", Signature.empty)
        function.__signature__ = Signature(parameters, return_annotation=returned)
        function.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
        return function

    return described


def parameter(name: str, annotation: object, default: object = Parameter.empty) -> Parameter:
    """One that is given by position or name."""
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)


def add_endpoint(services: Services, texts: Texts) -> None:
    """Add the endpoint for Gradio's client, which its API panel describes."""
    fields = services.manifest.patient.fields
    given = []
    for field in fields:
        kind = float | str if isinstance(field, NumberField) else str  # the default adds None
        given.append(parameter(field.key, kind, None))

    @takes(parameter("image", gr.FileData), *given, parameter("box", str, None))
    def predict(image: gr.FileData, *values: object) -> Prediction:
        path = image.get("path") if isinstance(image, dict) else None
        *context, box = values
        known = {field.key: value for field, value in zip(fields, context, strict=True)}
        try:
            lesion = given_box("" if box is None else str(box))
        except BoxError as error:
            raise user_error(error) from error
        study, patient = open_study(services, path, known, texts, box=lesion)
        # Gradio describes the dataclass, and sends dictionaries.
        return asdict(Prediction.of(study, patient, services.manifest))

    predict.__doc__ = _ABOUT.format(
        codes=", ".join(services.manifest.codes),
        meaning=MEANING,
        fields=". ".join(map(_accepted, fields)),
    )
    gr.api(predict, api_name=ENDPOINT)


def given_box(text: str) -> Box | None:
    """The lesion's box as programs send it; None where the text is empty.

    Raises:
        BoxError: it is not four numbers, or has no area.
    """
    return parse_box(text) if text.strip() else None


def _contributions(
    study: Study, patient: Patient, manifest: Manifest
) -> dict[str, dict[str, float]]:
    """By class code, then by the field's column."""
    found, fields = study.contributions(patient), manifest.patient.fields
    return {code: {f.column: moved[f.key] for f in fields} for code, moved in found.items()}


def _accepted(field: Field) -> str:
    """What programs may send, in a sentence."""
    if isinstance(field, NumberField):
        return f"{field.key}: a number of {field.unit} from {field.low:g} to {field.high:g}"
    return f"{field.key}: {', '.join(field.words)}"
