"""HTTP sessions: attempts, timeouts, visible waits, paging, and where the bearer token goes.

A request is not done when its headers have arrived but when ``read`` has consumed the body, so a
reset, a stall or a broken file half-way costs an attempt like any other fault. urllib3's
``Retry`` counts the attempts, computes the back-off and reads ``Retry-After``.

The token accompanies API requests only: not a file's address, even on the API's own host, and not
a redirect that leads elsewhere. It appears in no message, log or file.

The server's paging has two faults. With ``limit`` below 100 it skips rows that share a creation
time with the last row of a page, so the limit is always 100. With more than 200 rows of one
creation time it serves the same page forever, so :func:`walk` stops at a repeated page.
"""

import threading
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import InvalidHeader, MaxRetryError
from urllib3.util import Retry

from isic_api import errors
from isic_api.errors import IncompleteListingError, SettingsError
from isic_api.records import Page


class BearerToken(AuthBase):
    """Sends the token with requests below ``base_url`` only; never shows it."""

    def __init__(self, token: str, base_url: str) -> None:
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(
                "The token in ISIC_TOKEN is empty or contains characters that a token cannot have; "
                "copy it again, or unset ISIC_TOKEN to continue without."
            )
        self._token = token
        self.base_url = base_url

    def __repr__(self) -> str:
        return f"BearerToken(for {self.base_url})"

    def covers(self, url: str) -> bool:
        """Whether the token may be sent to this URL."""
        return url.startswith(self.base_url) and ".." not in unquote(urlsplit(url).path)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token if it may be sent to the request's URL."""
        if self.covers(request.url or ""):
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """Keeps ``requests`` from looking up the user's password for this host in .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


class AuthKeepingSession(requests.Session):
    """Sends the token as described above; reads proxies and certificates once per host."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, dict[str, Any]] = {}

    def merge_environment_settings(self, url: str, *options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Look them up once: it takes a sixth of a small request's time."""
        host = urlsplit(url).netloc
        if host not in self._settings:
            self._settings[host] = super().merge_environment_settings(url, *options)
        return self._settings[host]

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """After a redirect, send the token only to URLs that it covers, even on the same host."""
        prepared_request.headers.pop("Authorization", None)
        if callable(self.auth):
            self.auth(prepared_request)


TRANSIENT_STATUS = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses after which the same request may succeed."""

T = TypeVar("T")

USER_AGENT = "lesion-in-context (research; python-requests)"


class Session:
    """GET and POST with retries; safe to use from many threads.

    attempts: requests made before giving up, the first one included.
    backoff: seconds; the waits between attempts are 0, 2, 4, 8 ... times this.
    longest_wait: seconds; if a server asks for more, the request fails.
    timeout: seconds to connect, seconds between two bytes of the response.
    deadline: seconds for one attempt as a whole; :meth:`read_body` holds to it.
    on_wait: called with ``(seconds, reason)`` before a noticeable wait.
    """

    def __init__(
        self,
        *,
        attempts: int = 6,
        backoff: float = 0.5,
        longest_wait: float = 600.0,
        timeout: tuple[float, float] = (5.0, 20.0),
        deadline: float = 900.0,
        connections: int = 16,
        on_wait: Callable[[float, str], None] | None = None,
        auth: AuthBase | None = None,
    ) -> None:
        self.attempts = attempts
        self.backoff = backoff
        self.longest_wait = longest_wait
        self.timeout = timeout
        self.deadline = deadline
        self.on_wait = on_wait
        self.stopping = threading.Event()
        self._http = AuthKeepingSession()
        self._http.auth = auth or NoAuth()
        self._http.headers["User-Agent"] = USER_AGENT
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._http.mount("http://", adapter)
        self._http.mount("https://", adapter)

    def stop(self) -> None:
        """End all waits and let no further attempt begin; requests raise ``StoppedError``."""
        self.stopping.set()

    def fetch(
        self,
        url: str,
        read: Callable[[requests.Response], T],
        *,
        method: str = "GET",
        attempts: int | None = None,
        retry_refusals: bool = False,
        headers: Callable[[], Mapping[str, str]] = dict,
        **options: Any,  # noqa: ANN401
    ) -> T:
        """Return what ``read`` makes of the response.

        ``retry_refusals`` tries again after a 4xx as well, as after any other fault.
        ``headers`` is called for each attempt; ``options`` are those of ``requests``.
        Raises :class:`~isic_api.errors.RequestError` after the last attempt.
        """
        retry = Retry(
            total=(attempts or self.attempts) - 1,
            backoff_factor=self.backoff,
            backoff_max=self.longest_wait,
            allowed_methods=None,
        )
        while True:
            began = time.monotonic()
            try:
                return self._attempt(method, url, read, headers=headers(), **options)
            except _AttemptError as fault:
                if not (fault.transient or retry_refusals):
                    raise fault.error from fault.__cause__
                retry = self._wait(retry, fault, url=url, spent=time.monotonic() - began)

    def read_body(self, response: requests.Response) -> Iterator[bytes]:
        """The chunks of a streamed body, within the deadline of one attempt."""
        began = time.monotonic()
        for chunk in response.iter_content(1 << 15):
            if self.stopping.is_set():
                raise errors.StoppedError("Stopped in the middle of a file.")
            if time.monotonic() - began > self.deadline:
                raise errors.HostDownError(
                    f"{_host(response.url)} sent a file too slowly: not done after "
                    f"{self.deadline:.0f} s."
                )
            yield chunk

    def _attempt(
        self,
        method: str,
        url: str,
        read: Callable[[requests.Response], T],
        **options: Any,  # noqa: ANN401
    ) -> T:
        if self.stopping.is_set():
            raise errors.StoppedError("Stopped before a request.")
        try:
            with self._http.request(
                method, url, timeout=self.timeout, stream=True, **options
            ) as response:
                if not response.ok:
                    raise _AttemptError.from_status(response)
                return read(response)
        except (errors.UnexpectedAnswerError, errors.BadFileError, errors.HostDownError) as error:
            reason = (
                "damaged file" if isinstance(error, errors.BadFileError) else "unexpected response"
            )
            raise _AttemptError(error, reason=reason, transient=True) from error
        except requests.RequestException as cause:
            raise _AttemptError.from_exception(cause, url) from cause

    def _wait(self, retry: Retry, fault: "_AttemptError", *, url: str, spent: float) -> Retry:
        """Wait as the server or the back-off says; raises the fault after the last attempt."""
        try:
            retry = retry.increment(url=url, response=None)
        except MaxRetryError:
            raise fault.error from fault.__cause__
        requested = fault.retry_after(retry)
        seconds = retry.get_backoff_time() if requested is None else requested
        if seconds > self.longest_wait:
            raise type(fault.error)(
                f"{fault.error} The server asks for a wait of {seconds:.0f} s: run the same "
                "command again later."
            ) from fault.__cause__
        if self.on_wait and (seconds >= 1 or spent >= 3):
            self.on_wait(seconds, f"{fault.reason} from {_host(url)}")
        if self.stopping.wait(seconds):
            raise errors.StoppedError("Stopped while waiting for the server.")
        return retry


class _AttemptError(Exception):
    """Why an attempt failed, and whether the cause is transient."""

    def __init__(
        self,
        error: errors.RequestError,
        *,
        reason: str,
        transient: bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.reason = reason
        self.transient = transient
        self.headers = headers or {}

    @classmethod
    def from_status(cls, response: requests.Response) -> "_AttemptError":
        status = response.status_code
        kind = (
            errors.ServerFaultError
            if status in TRANSIENT_STATUS or status >= 500
            else _KIND_OF_STATUS.get(status, errors.RefusedError)
        )
        said = _servers_message(response)
        message = f"{_host(response.url)} answered {status} to {_path(response.url)}: {said}."
        return cls(
            kind(message),
            reason=str(status),
            transient=status in TRANSIENT_STATUS,
            headers=response.headers,
        )

    @classmethod
    def from_exception(cls, cause: requests.RequestException, url: str) -> "_AttemptError":
        for kind, reason in _REASONS:
            if isinstance(cause, kind):
                if "Read timed out" in str(cause):  # in the body, requests raises a ConnectionError
                    reason = "no response in time"
                message = (
                    f"{_host(url)} does not respond as expected ({reason}) for {_path(url)}. Check "
                    "the network and the address, then run the same command again."
                )
                return cls(errors.HostDownError(message), reason=reason, transient=True)
        error = errors.RefusedError(
            f"No request can be sent to {_host(url)}: {type(cause).__name__}."
        )
        return cls(error, reason=type(cause).__name__, transient=False)

    def retry_after(self, retry: Retry) -> float | None:
        """Seconds the server asks for; None if it does not, or not in a known format."""
        value = self.headers.get("Retry-After")
        try:
            return None if value is None else retry.parse_retry_after(value)
        except InvalidHeader:
            return None


_KIND_OF_STATUS = {
    401: errors.TokenRefusedError,
    403: errors.TokenRefusedError,
    404: errors.NotFoundError,
}

_REASONS = (
    (requests.ConnectTimeout, "no connection in time"),
    (requests.ReadTimeout, "no response in time"),
    (requests.exceptions.ChunkedEncodingError, "response cut short"),
    (requests.exceptions.ContentDecodingError, "response garbled"),
    (requests.exceptions.SSLError, "no secure connection"),
    (requests.ConnectionError, "no connection"),
)


def _servers_message(response: requests.Response) -> str:
    """The server's error message: JSON ``message``, ``error`` or ``detail``.

    An HTML page adds nothing to its status.
    """
    try:
        body = response.json()
    except (requests.RequestException, ValueError):
        return response.reason or "no reason given"
    if not isinstance(body, dict):
        return str(body)[:200]
    said = body.get("message") or body.get("error") or body.get("detail") or body
    if isinstance(said, list):
        said = "; ".join(
            str(one.get("msg", one)) if isinstance(one, dict) else str(one) for one in said
        )
    return str(said)[:200].rstrip(".")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url[:60]


def _path(url: str) -> str:
    """Without the query, which may contain a signature."""
    return urlsplit(url).path or "/"


# === Paging ===

PAGE_SIZE = 100


@dataclass
class Bookmark:
    """Position in a listing, from which a later walk can resume."""

    cursor: str = ""  # of the current page; empty: the first
    total: int | None = None  # the server's count; None before the first page
    seen: set[Hashable] = field(default_factory=set)


def walk(
    get_page: Callable[[Mapping[str, Any]], Page],
    parse: Callable[[Mapping[str, Any]], T],
    *,
    key: Callable[[T], Hashable],
    on_count: Callable[[int], None] | None = None,
    bookmark: Bookmark | None = None,
    recover: Callable[[], Iterator[T]] | None = None,
) -> Iterator[T]:
    """Yield every item once, in the server's order (by creation).

    Args:
        get_page: Takes query parameters; the host of a ``next`` link is ignored.
        parse: Makes an item of one entry of a page.
        key: The item's id.
        on_count: Told the server's total before the first item.
        bookmark: Where an earlier walk stopped; kept up to date.
        recover: Lists all items in another way if paging loops.

    Raises:
        IncompleteListingError: After the last item, if fewer came than the server counted. More
            than counted is no error: the count comes from a search index that may be a day
            behind.
    """
    at = bookmark or Bookmark()
    circular = yield from _page_by_page(get_page, parse, key=key, on_count=on_count, at=at)
    if circular and recover:
        for item in recover():
            if key(item) not in at.seen:
                at.seen.add(key(item))
                yield item
    if len(at.seen) < (at.total or 0) or (circular and not recover):
        raise _incomplete(len(at.seen), at.total or 0, circular=circular)


def _page_by_page(
    get_page: Callable[[Mapping[str, Any]], Page],
    parse: Callable[[Mapping[str, Any]], T],
    *,
    key: Callable[[T], Hashable],
    on_count: Callable[[int], None] | None,
    at: Bookmark,
) -> Generator[T, None, bool]:
    """Yield the items up to the last page; returns True if a page repeats before."""
    for page, resumed in _pages(get_page, at):
        items = {key(item): item for item in map(parse, page.results)}
        new = [item for name, item in items.items() if name not in at.seen]
        if at.total is None:
            at.total = page.count or 0
        if on_count:
            on_count(at.total)
            on_count = None
        if page.next is not None and not new and not resumed:
            return True
        yield from new
        at.seen.update(items)
    return False


def _pages(
    get_page: Callable[[Mapping[str, Any]], Page], at: Bookmark
) -> Iterator[tuple[Page, bool]]:
    """Yield each page, and whether an earlier walk may have read it already."""
    resumed = bool(at.seen)
    while True:
        page = get_page({"limit": PAGE_SIZE, **({"cursor": at.cursor} if at.cursor else {})})
        yield page, resumed
        resumed = False
        if page.next is None:
            return
        at.cursor = parse_qs(urlsplit(page.next).query).get("cursor", [""])[0]


def _incomplete(got: int, total: int, *, circular: bool) -> IncompleteListingError:
    why = "it repeats the same page" if circular else "it ended"
    return IncompleteListingError(
        f"The Archive counts {total:,} but its listing stopped at {got:,}: {why}. Run the same "
        "command again later, or split the query, e.g. by sex."
    )
