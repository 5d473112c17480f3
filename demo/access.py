"""Who may use the page, how often and with how much, and what browsers must refuse.

Everybody may by default.

LESION_LOGIN=name:password    asks for a log-in; several are separated by spaces
LESION_REQUESTS_PER_MINUTE=N  from one address
"""

import math
import time
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import compare_digest

from fastapi import Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.gradio_patches import UNSERVED_ANSWERS, UNUSED_ROUTES, UPLOADS_ROUTE

LOGIN, RATE = "LESION_LOGIN", "LESION_REQUESTS_PER_MINUTE"

_WINDOW = 60.0  # seconds
_MOST_ADDRESSES = 10_000  # remembered at a time

MOST_BYTES = 20 << 20
"""Of one photograph, and of one request."""

AT_ONCE = 4
"""Photographs that are predicted at a time; others wait."""

KEPT_SECONDS = 3000
"""What has not been used for this long is deleted: within the hour, as the page says."""


@dataclass(frozen=True)
class Access:
    """Names with passwords, and requests per minute from one address; None is no limit."""

    logins: tuple[tuple[str, str], ...] = ()
    per_minute: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Access":
        """Read both variables; an empty one counts as absent.

        Raises:
            ValueError: one of them is malformed. The message holds no password.
        """
        logins = tuple(_login(word) for word in environment.get(LOGIN, "").split())
        rate = environment.get(RATE, "").strip()
        if rate and not (rate.isascii() and rate.isdigit() and int(rate) > 0):
            raise ValueError(f"{RATE} is {rate!r}; give a whole number of at least 1, or unset it.")
        return cls(logins, int(rate) if rate else None)

    def knows(self, name: str, password: str) -> bool:
        """Whether a name and its password are among the log-ins."""
        given = f"{name}:{password}".encode()
        # All are compared, so that the time tells nothing.
        return sum(compare_digest(given, ":".join(login).encode()) for login in self.logins) > 0


class Utf8Basic(HTTPBasic):
    """HTTP Basic in UTF-8, as browsers and curl send it; FastAPI's own reads ASCII alone."""

    async def __call__(self, request: Request) -> HTTPBasicCredentials | None:
        """The name and password that a request states; None without."""
        scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
        try:
            pair = b64decode(coded, validate=True).decode()
        except ValueError:  # no base64, or no UTF-8
            return None
        name, colon, password = pair.partition(":")
        if scheme.lower() != "basic" or not colon:
            return None
        return HTTPBasicCredentials(username=name, password=password)


class RateLimit:
    """Counts what costs work, which is every POST: uploads, predictions, log-ins.

    A Starlette middleware. What is too much is answered by 429 and the seconds to wait.
    """

    def __init__(
        self, app: ASGIApp, per_minute: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the application behind it and the limit."""
        self.app = app
        self.per_minute = per_minute
        self._clock = clock
        self._recent: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        counted = scope["type"] == "http" and scope["method"] == "POST"
        address = (scope.get("client") or ("",))[0]
        wait = self.wait(address) if counted else 0
        if not wait:
            await self.app(scope, receive, send)
            return
        sentence = f"Too many requests. Wait {wait} s and try again."
        # Gradio's clients read the first, callers of the REST endpoint the second.
        body = {"detail": sentence, "error": {"code": "too_many_requests", "message": sentence}}
        refusal = JSONResponse(body, 429, {"Retry-After": str(wait)})
        await refusal(scope, receive, send)

    def wait(self, address: str) -> int:
        """Count a request; the whole seconds until an address may ask again, 0 if it may now."""
        now = self._clock()
        if len(self._recent) >= _MOST_ADDRESSES:
            self._recent = {a: t for a, t in self._recent.items() if t[-1] > now - _WINDOW}
        times = self._recent.setdefault(address, deque(maxlen=self.per_minute))
        if len(times) == self.per_minute and times[0] > now - _WINDOW:
            return math.ceil(times[0] + _WINDOW - now)
        times.append(now)
        return 0


class UploadLimit:
    """Refuses a request as soon as it states or sends more bytes than a limit.

    A Starlette middleware.
    """

    def __init__(self, app: ASGIApp, *, most: int, error: Callable[[str], Exception]) -> None:
        """Take the application behind it, the number of bytes, and what makes a sentence an error.

        The application behind it has to answer for that error.
        """
        self._app = app
        self._most = most
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body counted."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        stated = Headers(scope=scope).get("content-length", "")
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if stated.isdecimal() and int(stated) > self._most:
                raise self._error(self._sentence())
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise self._error(self._sentence())
            return message

        return await self._app(scope, counted, send)

    def _sentence(self) -> str:
        return f"A request may have {self._most >> 20} MB. Send a smaller copy of the photograph."


# Gradio starts itself from scripts inside its page and compiles its templates in the browser.
_SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self' https://huggingface.co",  # which shows a Space in a frame
}

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The first lets the browser talk to this server only, whatever a text on the page may hold."""


class SecurityHeaders:
    """Adds :data:`HEADERS` to every answer and closes unused routes. A Starlette middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application behind it."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if path.startswith(UPLOADS_ROUTE):
                    # Browsers of a classroom are shared.
                    headers["Cache-Control"] = "no-store"
            await send(message)

        answer = self.app
        if path in UNSERVED_ANSWERS:
            status, body = UNSERVED_ANSWERS[path]
            answer = JSONResponse(body, status)
        elif path.startswith(UNUSED_ROUTES):
            answer = JSONResponse({"detail": "Not Found"}, 404)
        await answer(scope, receive, send_guarded)


def _login(word: str) -> tuple[str, str]:
    name, _, password = word.partition(":")
    if not name or not password:
        raise ValueError(f"{LOGIN} needs name:password, both not empty and without spaces.")
    return name, password
