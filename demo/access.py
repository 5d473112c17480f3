"""Who may use the page, how often and with how much; everybody by default.

LESION_LOGIN=name:password    asks for a log-in; several are separated by spaces
LESION_REQUESTS_PER_MINUTE=N  from one address
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOGIN, RATE = "LESION_LOGIN", "LESION_REQUESTS_PER_MINUTE"

_WINDOW = 60.0  # seconds
_MOST_ADDRESSES = 10_000  # remembered at a time


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
        said = f"Too many requests. Wait {wait} s and try again."
        # Gradio's clients read the first, callers of the REST endpoint the second.
        body = {"detail": said, "error": {"code": "too_many_requests", "message": said}}
        refusal = JSONResponse(body, 429, {"Retry-After": str(wait)})
        await refusal(scope, receive, send)

    def wait(self, address: str) -> int:
        """Count a request; the whole seconds after which an address may ask again, 0 for now."""
        now = self._clock()
        if len(self._recent) >= _MOST_ADDRESSES:
            self._recent = {a: t for a, t in self._recent.items() if t[-1] > now - _WINDOW}
        times = self._recent.setdefault(address, deque(maxlen=self.per_minute))
        if len(times) == self.per_minute and times[0] > now - _WINDOW:
            return math.ceil(times[0] + _WINDOW - now)
        times.append(now)
        return 0


def _login(word: str) -> tuple[str, str]:
    name, _, password = word.partition(":")
    if not name or not password:
        raise ValueError(f"{LOGIN} needs name:password, both not empty and without spaces.")
    return name, password


MOST_BYTES = 20 << 20
"""Of one photograph, and of one request."""

AT_ONCE = 4
"""Photographs that are predicted at a time; others wait."""

KEPT_SECONDS = 3000
"""What has not been used for this long is deleted: within the hour, as the page says."""
