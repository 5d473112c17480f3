"""Errors of the REST endpoint: JSON with a stable code, and a sentence with the next step.

{"error": {"code": "unreadable_image", "message": "the upload cannot be read as ..."}}
"""

from dataclasses import dataclass
from typing import Literal

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class UploadLimit:
    """Refuses a request as soon as it states or sends more bytes than a limit."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        """Take the application behind it and the number of bytes."""
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body counted."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        stated = Headers(scope=scope).get("content-length", "")
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if stated.isdecimal() and int(stated) > self._most:
                raise RestError("too_large", self._sentence())
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise RestError("too_large", self._sentence())
            return message

        return await self._app(scope, counted, send)

    def _sentence(self) -> str:
        return f"A request may have {self._most >> 20} MB. Send a smaller copy of the photograph."


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
