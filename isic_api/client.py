"""The Archive's API, one short method per endpoint; its documentation is at /api/docs/swagger/.

    client = IsicClient(token=os.environ.get("ISIC_TOKEN"))
    for image in client.search('diagnosis_3:"Nevus"', collections=[65]):
        print(image.isic_id, image.challenge_class)

Only the endpoints for images, collections and lesions are documented and can be relied on. Those
called undocumented below may change. Nothing depends on two of them (size, facets), so these
get only two attempts.
"""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, quote, urlsplit

import requests

from isic_api import errors
from isic_api.files import disk_errors
from isic_api.query import check
from isic_api.records import Collection, ImageRecord, Lesion, Page, User
from isic_api.session import PAGE_SIZE, BearerToken, Bookmark, Session, walk

BASE_URL = "https://api.isic-archive.com/api/v2/"
SNAPSHOT_URL = "https://isic-archive.s3.us-east-1.amazonaws.com/snapshots/ISIC_images.zip"
"""All public images in one file of about 60 GB, which the Archive builds now and then."""

_API_PATH = "/api/v2/"
MOST_SIMILAR = 50
_UNDOCUMENTED_ATTEMPTS = 2
_LONGEST_PREFIX = len("ISIC_0000000000")


class IsicClient:
    """``base_url`` includes ``/api/v2/``; the session options are those of :class:`Session`."""

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        token: str | None = None,
        **session_options: Any,  # noqa: ANN401
    ) -> None:
        self.base_url = _checked_base(base_url)
        self.has_token = token is not None
        self._token_is_valid = False  # not checked yet
        auth = None if token is None else BearerToken(token, self.base_url)
        self.session = Session(auth=auth, **session_options)
        self.files = Session(**session_options)  # never holds the token

    def __repr__(self) -> str:
        return f"IsicClient({self.base_url!r}, {'with' if self.has_token else 'without'} token)"

    def stop(self) -> None:
        """End waits and prevent further requests, in all threads."""
        self.session.stop()
        self.files.stop()

    # === Images ===

    def search(
        self,
        query: str = "",
        *,
        collections: Iterable[int] = (),
        on_count: Callable[[int], None] | None = None,
        bookmark: Bookmark | None = None,
    ) -> Iterator[ImageRecord]:
        """All matching images, oldest first; see :func:`~isic_api.session.walk` for its errors.

        Where the server's paging loops, the rest follows in the order of ids. A collection
        that does not exist matches nothing here; :meth:`resolve` raises for it.
        """
        check(query)
        return walk(
            lambda page: self._search_page(query, collections, page),
            ImageRecord.from_json,
            key=lambda image: image.isic_id,
            on_count=on_count,
            bookmark=bookmark,
            recover=lambda: self._search_by_prefix(query, collections, "ISIC_"),
        )

    def first_page(
        self, query: str = "", *, collections: Iterable[int] = ()
    ) -> tuple[int, list[ImageRecord]]:
        """The server's count, and at most 100 images."""
        check(query)
        page = self._search_page(query, collections, {})
        return page.count or 0, [ImageRecord.from_json(body) for body in page.results]

    def count(self, query: str = "", *, collections: Iterable[int] = ()) -> int:
        """The number of matching images, by the server's count."""
        check(query)
        return self._search_page(query, collections, {"limit": 1}).count or 0

    def image(self, isic_id: str) -> ImageRecord:
        """Raises NotFoundError for unknown, private and malformed ids alike."""
        return ImageRecord.from_json(self._json(f"images/{quote(isic_id, safe='')}/"))

    def similar(self, isic_id: str, *, limit: int = 10) -> list[tuple[ImageRecord, float]]:
        """At most ``MOST_SIMILAR`` similar images, nearest first, with their distance.

        Requires a token.
        """
        path = f"images/{quote(isic_id, safe='')}/similar/"
        try:
            found = self._json(path, params={"limit": limit})
        except errors.TokenRefusedError as cause:
            raise errors.TokenRefusedError(
                "The Archive shows similar images to logged-in users only: put a valid token into "
                "ISIC_TOKEN (`python -m isic_api whoami` checks it)."
            ) from cause
        return [(ImageRecord.from_json(body), body["distance"]) for body in found]

    def size(self, query: str = "", *, collections: Iterable[int] = ()) -> int:
        """Total bytes of all matching images as recorded (undocumented)."""
        return self._json("images/search/size/", **_undocumented(query, collections))["size"]

    def facets(self, query: str = "", *, collections: Iterable[int] = ()) -> dict[str, Any]:
        """Field → buckets of value and count, as the server sends them (undocumented)."""
        return self._json("images/facets/", **_undocumented(query, collections))

    # === Lesions ===

    def lesions(self) -> Iterator[Lesion]:
        """All lesions with an image that is visible to this user."""
        return walk(
            lambda page: Page.from_json(self._json("lesions/", params=page)),
            Lesion.from_json,
            key=lambda lesion: lesion.id,
        )

    def lesion(self, lesion_id: str) -> Lesion:
        """Raises NotFoundError for an unknown lesion and for one without a visible image."""
        return Lesion.from_json(self._json(f"lesions/{quote(lesion_id, safe='')}/"))

    # === Collections ===

    def collections(self, *, pinned: bool | None = None) -> Iterator[Collection]:
        """All collections that are visible to this user, newest first."""
        fixed = {} if pinned is None else {"pinned": str(pinned).lower()}
        return walk(
            lambda page: Page.from_json(self._json("collections/", params={**page, **fixed})),
            Collection.from_json,
            key=lambda collection: collection.id,
        )

    def collection(self, collection_id: int) -> Collection:
        """Raises UnknownCollectionError for unknown and private collections alike."""
        try:
            return Collection.from_json(self._json(f"collections/{collection_id}/"))
        except errors.NotFoundError as cause:
            raise errors.UnknownCollectionError(
                f"There is no collection {collection_id}, or it is private: set ISIC_TOKEN if you "
                "have access. `python -m isic_api collections` lists the others."
            ) from cause

    def resolve(self, name_or_id: str | int) -> Collection:
        """A collection by its id or its exact name (case does not matter)."""
        if str(name_or_id).isdecimal():
            return self.collection(int(name_or_id))
        by_name = {}
        for collection in self.collections():
            if collection.name.casefold() == str(name_or_id).casefold():
                return collection
            by_name[collection.name.casefold()] = collection.name
        near = get_close_matches(str(name_or_id).casefold(), by_name, n=1)
        hint = f"Did you mean {by_name[near[0]]!r}? " if near else ""
        raise errors.UnknownCollectionError(
            f"There is no collection named {name_or_id!r}. {hint}"
            "`python -m isic_api collections` lists them."
        )

    def collection_metadata(self, collection_id: int) -> Iterator[ImageRecord]:
        """The metadata of a whole public collection, from one CSV of the website (undocumented).

        Attributions are the images' own; age 0 is missing; there are no file links.
        """
        site = self.base_url.removesuffix(_API_PATH)
        return self._csv(f"{site}/collections/{collection_id}/metadata/")

    # === Zip (undocumented) ===

    def zip_metadata(
        self, query: str = "", *, collections: Sequence[int] = ()
    ) -> Iterator[ImageRecord]:
        """As :meth:`collection_metadata`, for any search."""
        token = self._zip_token(query, collections)
        return self._csv(
            f"{self.base_url}zip-download/metadata-file/?token={quote(token, safe='')}"
        )

    def license_text(self, name: str) -> str:
        """The text of CC-0, CC-BY or CC-BY-NC (undocumented)."""
        return self.session.fetch(
            f"{self.base_url}zip-download/license-file/{quote(name, safe='')}/", _read_text
        )

    # === User ===

    def whoami(self) -> User:
        """The user whose token this is; raises TokenRefusedError without a valid one."""
        try:
            return User.from_json(self._json("users/me/"))
        except errors.TokenRefusedError as cause:
            raise errors.TokenRefusedError(
                "The Archive refused the token in ISIC_TOKEN: tokens expire after 24 hours. Run "
                "`isic user login`, then `isic user print-token` of the official client, and put "
                "the value of access_token into ISIC_TOKEN; or unset it to use public images."
                if self.has_token
                else "You are not logged in: no token is set. Put one into ISIC_TOKEN for private "
                "collections and similar images; public images need none."
            ) from cause

    def require_valid_token(self, warn: Callable[[str], None]) -> None:
        """Raise TokenRefusedError for an expired token, which the search would silently ignore."""
        if not self.has_token or self._token_is_valid:
            return
        try:
            self.whoami()
            self._token_is_valid = True
        except errors.TokenRefusedError:
            raise
        except errors.RequestError as error:
            warn(f"the token could not be checked: {error}")

    # === Requests ===

    def _search_page(self, query: str, collections: Iterable[int], page: Mapping[str, Any]) -> Page:
        parameters = {**page, **_search(query, collections)}
        try:
            return Page.from_json(self._json("images/search/", params=parameters))
        except errors.RefusedError as cause:
            if not query:
                raise
            raise errors.QueryError(f"The Archive refused the query {query!r}: {cause}") from cause

    def _search_by_prefix(
        self, query: str, collections: Iterable[int], prefix: str
    ) -> Iterator[ImageRecord]:
        """The images whose ids begin with ``prefix``, without following a cursor."""
        for digit in "0123456789":
            part = f"isic_id:{prefix}{digit}*"
            narrowed = f"({query}) AND {part}" if query.strip() else part
            page = self._search_page(narrowed, collections, {"limit": PAGE_SIZE})
            if page.next is None:
                yield from map(ImageRecord.from_json, page.results)
            elif len(prefix) < _LONGEST_PREFIX:
                yield from self._search_by_prefix(query, collections, prefix + digit)

    def _zip_token(self, query: str, collections: Sequence[int]) -> str:
        check(query)
        url = self._json(
            "zip-download/url/",
            method="POST",
            json={"query": query, "collections": list(collections)},
        )
        tokens = parse_qs(urlsplit(str(url)).query).get("zsid")
        if not tokens:
            raise errors.UnexpectedAnswerError("The Archive's zip address has no zsid.")
        return tokens[0]

    def _json(self, path: str, **options: Any) -> Any:  # noqa: ANN401
        return self.session.fetch(self.base_url + path, _read_json, **options)

    def _csv(self, url: str) -> Iterator[ImageRecord]:
        """Parse after the download is complete, from a file, so that 500,000 rows fit."""
        with tempfile.TemporaryFile() as spool:
            with disk_errors(Path(tempfile.gettempdir())):
                self.session.fetch(url, lambda response: self._spool(response, spool))
            spool.seek(0)
            # the server sends UTF-8 without declaring it
            text = io.TextIOWrapper(spool, encoding="utf-8-sig", errors="replace", newline="")
            for row in csv.DictReader(text):
                yield ImageRecord.from_csv(row)

    def _spool(self, response: requests.Response, spool: IO[bytes]) -> None:
        spool.seek(0)
        spool.truncate()
        for chunk in self.session.read_body(response):
            spool.write(chunk)
        spool.seek(0)
        start = spool.read(12).removeprefix(b"\xef\xbb\xbf")
        if not start.startswith(b"isic_id"):
            raise errors.UnexpectedAnswerError(
                f"{urlsplit(response.url).path} is not a metadata CSV; it begins with {start!r}."
            )


def _read_json(response: requests.Response) -> Any:  # noqa: ANN401
    try:
        return response.json()
    except ValueError as cause:
        raise errors.UnexpectedAnswerError(
            f"{urlsplit(response.url).hostname} answered with something that is not JSON; is the "
            "base URL right, /api/v2/ included?"
        ) from cause


def _read_text(response: requests.Response) -> str:
    text = response.content.decode("utf-8", errors="replace")
    if text.lstrip().startswith("<"):  # an HTML page, e.g. a Wi-Fi log-in
        raise errors.UnexpectedAnswerError(f"{urlsplit(response.url).path} is not a plain text.")
    return text


def _search(query: str, collections: Iterable[int]) -> dict[str, Any]:
    parameters = {"query": query.strip(), "collections": list(collections)}
    return {key: value for key, value in parameters.items() if value}


def _undocumented(query: str, collections: Iterable[int]) -> dict[str, Any]:
    check(query)
    return {"params": _search(query, collections), "attempts": _UNDOCUMENTED_ATTEMPTS}


def _checked_base(base_url: str) -> str:
    base = base_url.strip().rstrip("/") + "/"
    try:
        parts = urlsplit(base)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        known = False
    if not known or parts.username:
        raise errors.SettingsError(
            f"The base URL must look like {BASE_URL} and contain no user name; check "
            "--base-url and ISIC_API_URL."
        )
    if not parts.path.endswith(_API_PATH):
        raise errors.SettingsError(
            f"The base URL {base} must end with /api/v2/; check --base-url and ISIC_API_URL."
        )
    return base
