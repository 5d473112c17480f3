"""The REST endpoint beside the page: a photograph with its context in, JSON out.

    POST /api/predict   multipart: image, the patient's fields, each by its key or its column's
                        name, bundle, box and same_lesion; all but image may be left out
    GET  /api/health    which networks there are, and whether they are loaded
    GET  /api/openapi.json   the OpenAPI description

An error is JSON with a stable code, and a sentence with the next step:

    {"error": {"code": "unreadable_image", "message": "the upload cannot be read as ..."}}

An upload is held only while it is answered, and never logged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, BinaryIO, Literal

import anyio
import numpy as np
from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasicCredentials
from pydantic import WithJsonSchema
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.access import AT_ONCE, MOST_BYTES, Access, UploadLimit, Utf8Basic
from demo.endpoint import MEANING, ModelVersion, Prediction, given_box, parameter, takes, version
from demo.prediction import Malignancy, malignancy
from demo.services import Services, State, fields_of, names_of
from model.data.context import fill_unknown
from model.errors import BoxError, ImageError, PatientError
from model.image import FORMATS
from model.inference.prediction_table import same_lesion
from model.patient import UNKNOWN, ChoiceField, Field, Patient, is_unknown

_MOST_WAITING = 64
_BOX = {
    "type": "string",
    "pattern": r"^$|^-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3}$",
    "example": "40,30,160,140",
}
_NOT_GIVEN = [UNKNOWN, ""]
_ERRORS = ("bad_request", "no_login", "too_large", "no_image", "unreadable_image", "bad_context")
_ERRORS += ("bad_bundle", "bad_box", "several_images", "too_many_requests", "busy", "no_network")


CODES = {
    "bad_request": (400, "the body is not readable as multipart/form-data"),
    "no_login": (401, "the page's name and password are needed"),
    "not_found": (404, "no such address"),
    "method_not_allowed": (405, "another method is needed"),
    "too_large": (413, "the request has more bytes than are read"),
    "no_image": (422, "the field image is missing or is not a file"),
    "unreadable_image": (422, "the file cannot be read as a photograph"),
    "bad_context": (422, "a field is unknown, was sent twice, or is outside its range or words"),
    "bad_box": (422, "the box of the lesion has no area, is outside, or cannot be used"),
    "several_images": (422, "several images need same_lesion=true; else send one at a time"),
    "bad_bundle": (422, "no network of that name is served here; see /api/health"),
    "too_many_requests": (429, "more per minute than this server allows; see Retry-After"),
    "busy": (503, "too many others wait; try again"),
    "no_network": (503, "the network could not be loaded; see the server's log"),
}
"""Status and meaning of each code."""

_OF_STATUS = {
    400: "bad_request",
    401: "no_login",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


@dataclass
class ErrorDetail:
    """Code for programs, message for people."""

    code: Literal[tuple(CODES)]
    message: str


@dataclass
class ErrorResponse:
    """Error response body."""

    error: ErrorDetail


class RestError(HTTPException):
    """A request that is refused, with one of ``CODES``."""

    def __init__(self, code: str, message: str = "", *, headers: dict | None = None) -> None:
        """Take a code, and a sentence for the caller where the meaning does not do."""
        status, meaning = CODES[code]
        super().__init__(status, message or f"{meaning[0].upper()}{meaning[1:]}.", headers)
        self.code = code


@dataclass
class LesionPrediction:
    """What the network predicted of several photographs of one lesion, together and each."""

    probabilities: dict[str, float]
    malignancy: Malignancy | None
    photographs: list[Prediction]


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
    return [Mount("/api", _Prefixed(rest_app(offered, access or Access())))]


class _Prefixed:
    """Gives a path back the prefix that a proxy has stripped, as ``root_path`` states it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not path.startswith(scope["root_path"]):
            scope = scope | {"path": scope["app_root_path"] + path}
        await self._app(scope, receive, send)


def rest_app(offered: Sequence[Services], access: Access) -> FastAPI:
    """Build the application that is served under ``/api``; the first network answers by default."""
    by_name = dict(zip(names_of(offered), offered, strict=True))
    manifest = offered[0].manifest
    app = FastAPI(
        title="Lesion in Context",
        version=manifest.network_sha256[:12] or "unnamed",
        description=f"{manifest.intended_use} {MEANING} {_networks_text(by_name)}",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(UploadLimit, most=MOST_BYTES, error=partial(RestError, "too_large"))
    report_in_json(app)
    app.include_router(_health_router(by_name))
    app.include_router(_predict_router(by_name), dependencies=_log_in(access))
    app.openapi = partial(_without_other_fields, app.openapi)
    return app


def _without_other_fields(describe: Callable[[], dict]) -> dict:
    """The description, which says of forms that they have no other fields."""
    described = describe()
    for name, schema in described["components"]["schemas"].items():
        if name.startswith("Body_"):
            schema["additionalProperties"] = False
    return described


def _log_in(access: Access) -> Sequence[Dependency]:
    """What an endpoint has to depend on for the page's log-in, by HTTP Basic; nothing without."""
    if not access.logins:
        return ()
    given = Annotated[HTTPBasicCredentials | None, Depends(Utf8Basic(auto_error=False))]

    def check(credentials: given) -> None:
        if not (credentials and access.knows(credentials.username, credentials.password)):
            sentence = "Send the page's name and password, as in: curl --user NAME:PASSWORD"
            raise RestError("no_login", sentence, headers={"WWW-Authenticate": "Basic"})

    return (Depends(check),)


def _networks_text(by_name: dict[str, Services]) -> str:
    """The networks and their classes."""
    lines = []
    for name, services in by_name.items():
        classes = (
            code if code == full else f"{code} ({full})"
            for code, full in services.manifest.classes.items()
        )
        lines.append(f"{name}: {', '.join(classes)}.")
    return f"Networks and their classes: {' '.join(lines)}"


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
    return Offered(name, services.state(), version(manifest), manifest.task.name, manifest.classes)


def _predict_router(by_name: dict[str, Services]) -> APIRouter:
    router = APIRouter()
    queue = _Queue()
    first = next(iter(by_name))
    fields = fields_of(tuple(by_name.values()))
    given = {name: _form(_accepted(f)) for f in fields for name in (f.key, f.column)}
    file = {"type": "string", "format": "binary", "description": f"A file: {', '.join(FORMATS)}."}
    shown = {"type": "array", "items": file, "minItems": 1, "maxItems": 1}

    @takes(
        parameter("image", Annotated[list[UploadFile], File(), WithJsonSchema(shown)]),
        *(parameter(name, form, UNKNOWN) for name, form in given.items()),
        parameter("bundle", _form(_one_of([*by_name, ""])), ""),
        parameter("box", _form(_BOX), ""),
        parameter("same_lesion", _form(_one_of(["true", "false", ""])), ""),
    )
    async def predict(
        image: list[UploadFile], bundle: str, box: str, same_lesion: str, **context: str
    ) -> Prediction | LesionPrediction:
        """Answer for one photograph and what is known of its patient.

        With same_lesion, several photographs of one lesion are answered each and together, by the
        mean of their log-probabilities.

        A field of the patient may be sent by its key or by its column's name in the challenge.
        The first network answers unless the field bundle names another. The lesion is the most
        prominent one that is found, or the one in the field box.
        """
        services = by_name.get(bundle or first)
        if services is None:
            known = ", ".join(map(repr, by_name))
            raise RestError(
                "bad_bundle", f"bundle {bundle!r} is not served here. Send one of: {known}."
            )
        if same_lesion not in ("true", "false", ""):
            raise RestError("bad_context", f"same_lesion {same_lesion!r} is not true or false.")
        files = [one.file for one in image]
        if same_lesion != "true":
            if len(files) > 1:
                raise RestError("several_images")
            return await queue.take(partial(_predict, services, files[0], box, context))
        return await queue.take(partial(_predict_lesion, services, files, box, context))

    router.post(
        "/predict",
        dependencies=[_each_known_and_once({"image", "bundle", "box", "same_lesion", *given})],
        responses=documented(*_ERRORS),
        response_description="what the network predicted",
    )(predict)
    return router


def _each_known_and_once(names: set[str]) -> Dependency:
    """Refuse what no field reads, and fields of which only one value would be read."""

    async def check(request: Request) -> None:
        sent = [name for name, _ in (await request.form()).multi_items()]
        if foreign := sorted({*sent, *request.query_params} - names):
            raise RestError(
                "bad_context", f"{foreign[0]!r} is no field. Fields: {', '.join(sorted(names))}."
            )
        if request.query_params:
            raise RestError("bad_context", "Send the fields in the body, not in the address.")
        if repeated := [n for n in names - {"image"} if sent.count(n) > 1]:
            raise RestError("bad_context", f"{repeated[0]!r} was sent twice. Send it once.")

    return Depends(check)


Answer = Prediction | LesionPrediction


class _Queue:
    """Runs a few requests at once, lets more wait, and turns the rest away. For one event loop."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._inside = 0

    async def take(self, work: Callable[[], Answer]) -> Answer:
        if self._inside >= AT_ONCE + _MOST_WAITING:
            raise RestError("busy")
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._inside -= 1


def _predict(services: Services, image: BinaryIO, box: str, context: dict[str, str]) -> Prediction:
    try:
        sent = {name: value for name, value in context.items() if not is_unknown(value)}
        patient = Patient.parse(sent, services.manifest.patient.fields)
        study = services.study(image.read(), box=given_box(box))
    except PatientError as error:
        raise RestError("bad_context", str(error)) from error
    except BoxError as error:
        raise RestError("bad_box", str(error)) from error
    except ImageError as error:
        raise RestError("unreadable_image", str(error)) from error
    except RuntimeError as error:
        raise RestError("no_network") from error
    patient = fill_unknown(patient, image, services.manifest.patient.fields)
    return Prediction.of(study, patient, services.manifest)


def _predict_lesion(
    services: Services, images: Sequence[BinaryIO], box: str, context: dict[str, str]
) -> LesionPrediction:
    if box.strip() and len(images) > 1:
        raise RestError("bad_box", "A box is of one photograph. Leave it out for several.")
    found = [_predict(services, image, box, context) for image in images]
    rows = np.array([list(one.probabilities.values()) for one in found])
    codes = services.manifest.codes
    together = dict(zip(codes, same_lesion(rows).tolist(), strict=True))
    return LesionPrediction(together, malignancy(together, services.manifest), found)


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


# === Errors ===


def report_in_json(app: FastAPI) -> None:
    """Let an application report all errors in this form."""
    app.add_exception_handler(HTTPException, _refused)
    for status in _OF_STATUS:  # those of the router itself
        app.add_exception_handler(status, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)


def documented(*codes: str) -> dict[int, dict]:
    """The errors of an endpoint for its OpenAPI description, by status."""
    described = {}
    for code in codes:
        status, meaning = CODES[code]
        text = described.get(status, {}).get("description")
        line = f"`{code}`: {meaning}"
        described[status] = {
            "description": f"{text}; {line}" if text else line,
            "model": ErrorResponse,
        }
    return described


def _refused(request: Request, error: HTTPException) -> JSONResponse:
    code = getattr(error, "code", None) or _OF_STATUS.get(error.status_code, "bad_request")
    body = {"error": {"code": code, "message": error.detail}}
    return JSONResponse(body, error.status_code, headers=error.headers)


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    fields = {str(place["loc"][1]) for place in error.errors() if len(place["loc"]) > 1}
    if fields and "image" not in fields:
        sentence = "Send the patient's fields and bundle as text."
        return _refused(request, RestError("bad_context", sentence))
    sentence = "Send the photograph as a file in the field image of multipart/form-data."
    return _refused(request, RestError("no_image", sentence))
