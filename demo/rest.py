"""The REST endpoint beside the page: a photograph with its context in, JSON out.

    POST /api/predict   multipart: image, the patient's fields, each by its key or its column's
                        name, and bundle; all but image may be left out
    GET  /api/health    which networks there are, and whether they are loaded
    GET  /api/openapi.json   the OpenAPI description

Errors are in ``rest_errors``. An upload is held only while it is answered, and never logged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import compare_digest
from typing import Annotated, BinaryIO

import anyio
from fastapi import APIRouter, Depends, FastAPI, File, Form, Response, UploadFile
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import WithJsonSchema
from starlette.routing import BaseRoute, Mount

from demo.access import Access
from demo.limits import AT_ONCE, MOST_BYTES
from demo.prediction import Malignancy, malignancy
from demo.rest_errors import RestError, UploadLimit, documented, report_in_json
from demo.services import Services, State, fields_of, names_of
from demo.signature import parameter, takes
from model.errors import ImageError, PatientError
from model.file_context import fill_unknown
from model.image import FORMATS
from model.inference.bundle import Manifest
from model.inference.study import Study
from model.patient import UNKNOWN, ChoiceField, Field, Patient, is_unknown

_MOST_WAITING = 64
_NOT_GIVEN = [UNKNOWN, ""]
_ERRORS = ("bad_request", "no_login", "too_large", "no_image", "unreadable_image", "bad_context")
_ERRORS += ("bad_bundle", "too_many_requests", "busy", "no_network")
_MEANING = (
    "Probabilities are from 0 to 1 and sum to 1. A contribution says how far a field of the "
    "patient moved a probability from that of the image alone. The prediction set is a list that "
    "is set to contain the true diagnosis in most cases; an unlisted diagnosis is not ruled out. "
    "Malignancy sums the malignant classes up, beside the threshold that was set for 90 % "
    "sensitivity on validation images and what it gave on test images; null where the task does "
    "not say which classes are malignant. An unknown score above 1 means that the photograph is "
    "unlike the training images."
)


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
    unknown_score: float | None
    quality: list[str]
    notice: str


@dataclass
class Offered:
    """A network that may be asked for by its name."""

    bundle: str
    status: State
    model: ModelVersion
    task: str
    classes: dict[str, str]  # code → full name


@dataclass
class Health:
    """Whether predictions are available, and from which networks; ``model`` is the first's."""

    status: State
    model: ModelVersion
    bundles: list[Offered]


def rest_routes(offered: Sequence[Services], access: Access | None = None) -> list[BaseRoute]:
    """Give the routes that a server puts before those of the page."""
    return [Mount("/api", rest_app(offered, access or Access()))]


def rest_app(offered: Sequence[Services], access: Access) -> FastAPI:
    """Build the application that is served under ``/api``; the first network answers by default."""
    by_name = dict(zip(names_of(offered), offered, strict=True))
    manifest = offered[0].manifest
    app = FastAPI(
        title="Lesion in Context",
        version=manifest.network_sha256[:12] or "unnamed",
        description=f"{manifest.intended_use} {_MEANING} {_networks_said(by_name)}",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(UploadLimit, most=MOST_BYTES)
    report_in_json(app)
    app.include_router(_health_router(by_name))
    app.include_router(_predict_router(by_name), dependencies=_log_in(access))
    return app


def _log_in(access: Access) -> Sequence[Dependency]:
    """What an endpoint has to depend on for the page's log-in, by HTTP Basic; nothing without."""
    if not access.logins:
        return ()
    given = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]

    def check(credentials: given) -> None:
        if credentials is None or not _known(credentials, access):
            sentence = "Send the page's name and password, as in: curl --user NAME:PASSWORD"
            raise RestError("no_login", sentence, headers={"WWW-Authenticate": "Basic"})

    return (Depends(check),)


def _known(credentials: HTTPBasicCredentials, access: Access) -> bool:
    said = f"{credentials.username}:{credentials.password}".encode()
    # All are compared, so that the time tells nothing.
    return sum(compare_digest(said, ":".join(login).encode()) for login in access.logins) > 0


def _networks_said(by_name: dict[str, Services]) -> str:
    """The networks and their classes."""
    said = []
    for name, services in by_name.items():
        classes = (
            code if code == full else f"{code} ({full})"
            for code, full in services.manifest.classes.items()
        )
        said.append(f"{name}: {', '.join(classes)}.")
    return f"Networks and their classes: {' '.join(said)}"


def _health_router(by_name: dict[str, Services]) -> APIRouter:
    router = APIRouter()

    @router.head("/health", include_in_schema=False)  # as monitors ask
    @router.get(
        "/health",
        responses={503: {"model": Health, "description": "not ready"}},
        response_description="ready",
    )
    def health(response: Response) -> Health:
        """Say whether all networks are loaded; the status is 503 while one is not."""
        bundles = [_offered(name, services) for name, services in by_name.items()]
        states = {one.status for one in bundles}
        state = next(state for state in ("failed", "loading", "ready") if state in states)
        response.status_code = 200 if state == "ready" else 503
        return Health(state, bundles[0].model, bundles)

    return router


def _offered(name: str, services: Services) -> Offered:
    manifest = services.manifest
    version = _version(manifest)
    return Offered(name, services.state(), version, manifest.task.name, manifest.classes)


def _predict_router(by_name: dict[str, Services]) -> APIRouter:
    router = APIRouter()
    queue = _Queue()
    first = next(iter(by_name))
    fields = fields_of(tuple(by_name.values()))
    given = {name: _form(_accepted(f)) for f in fields for name in (f.key, f.column)}
    shown = {"type": "string", "format": "binary", "description": f"A file: {', '.join(FORMATS)}."}

    @takes(
        parameter("image", Annotated[UploadFile, File(), WithJsonSchema(shown)]),
        *(parameter(name, form, UNKNOWN) for name, form in given.items()),
        parameter("bundle", _form(_one_of([*by_name, ""])), ""),
    )
    async def predict(image: UploadFile, bundle: str, **context: str) -> Prediction:
        """Answer for one photograph and what is known of its patient.

        A field of the patient may be sent by its key or by its column's name in the challenge.
        The first network answers unless the field bundle names another.
        """
        services = by_name.get(bundle or first)
        if services is None:
            known = ", ".join(map(repr, by_name))
            raise RestError(
                "bad_bundle", f"bundle {bundle!r} is not served here. Send one of: {known}."
            )
        return await queue.take(partial(_predict, services, image.file, context))

    router.post(
        "/predict",
        responses=documented(*_ERRORS),
        response_description="what the network predicted",
    )(predict)
    return router


class _Queue:
    """Runs a few requests at once, lets more wait, and turns the rest away. For one event loop."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._inside = 0

    async def take(self, work: Callable[[], Prediction]) -> Prediction:
        if self._inside >= AT_ONCE + _MOST_WAITING:
            raise RestError("busy")
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._inside -= 1


def _predict(services: Services, image: BinaryIO, context: dict[str, str]) -> Prediction:
    try:
        sent = {name: value for name, value in context.items() if not is_unknown(value)}
        patient = Patient.parse(sent, services.manifest.patient.fields)
        study = services.study(image.read())
    except PatientError as error:
        raise RestError("bad_context", str(error)) from error
    except ImageError as error:
        raise RestError("unreadable_image", str(error)) from error
    except RuntimeError as error:
        raise RestError("no_network") from error
    patient = fill_unknown(patient, image, services.manifest.patient.fields)
    return _prediction(study, patient, services.manifest)


def _prediction(study: Study, patient: Patient, manifest: Manifest) -> Prediction:
    return Prediction(
        model=_version(manifest),
        inputs={field.column: patient.get(field.key) for field in manifest.patient.fields},
        probabilities=study.probabilities(patient),
        probabilities_of_image_alone=study.probabilities(Patient()),
        contributions=_contributions(study, patient, manifest),
        malignancy=malignancy(study.probabilities(patient), manifest),
        prediction_set=list(study.prediction_set(patient)),
        unknown_score=study.ood_score,
        quality=list(study.quality),
        notice=manifest.intended_use,
    )


def _contributions(
    study: Study, patient: Patient, manifest: Manifest
) -> dict[str, dict[str, float]]:
    """By class code, then by the field's column."""
    found, fields = study.contributions(patient), manifest.patient.fields
    return {code: {f.column: moved[f.key] for f in fields} for code, moved in found.items()}


def _version(manifest: Manifest) -> ModelVersion:
    return ModelVersion(manifest.name, manifest.network_sha256)


def _one_of(words: list[str]) -> dict:
    return {"type": "string", "enum": words}


def _form(schema: dict) -> object:
    """A form's field: text to the program, described by what is accepted."""
    return Annotated[str, Form(), WithJsonSchema(schema)]


def _accepted(field: Field) -> dict:
    if isinstance(field, ChoiceField):
        return _one_of([*field.words, *_NOT_GIVEN])
    number = {"type": "number", "minimum": field.low, "maximum": field.high}
    return {"anyOf": [number, _one_of(_NOT_GIVEN)]}
