"""The fake Archive's way of speaking HTTP: keep-alive, gzip, JSON and HTML errors, cursor pages."""

import base64
import contextlib
import gzip
import json
import re
from bisect import bisect_right
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.archive_query import CannotParse

MAX_PAGE = 100
JSON = "application/json; charset=utf-8"
HTML_404 = b"<!doctype html>\n<html><head><title>Not Found</title></head></html>\n"


class Answer(Exception):  # noqa: N818
    """Ends the handling of a request with this response."""

    def __init__(self, status, body, headers=None):
        super().__init__(status)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        self.response = status, headers or {"Content-Type": "text/html; charset=utf-8"}, body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    routes = ()  # (pattern, method, endpoint)

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._handle()

    def do_POST(self):
        self._handle()

    def do_DELETE(self):
        self._handle()

    def do_HEAD(self):
        self._handle()

    @property
    def archive(self):
        return self.server.archive

    def _handle(self):
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query, keep_blank_values=True)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        authorization = self.headers.get("Authorization")
        self.authorized = authorization == f"Bearer {self.archive.token}"
        self.archive.log.append((self.command, parts.path, authorization))
        try:
            self._route(parts.path)
        except Answer as answer:
            response = answer.response
        except CannotParse:
            body = {"message": "Could not parse search query."}
            response = Answer(400, body).response
        fault = self.archive.faults.pick()
        with contextlib.suppress(OSError):
            if fault is None:
                self._send(*self._zipped(*response))
            elif fault(self._send, self.connection, *response):
                self.close_connection = True

    def _zipped(self, status, headers, body):
        plain = headers.get("Content-Type", "").startswith(("application/json", "text"))
        if plain and len(body) > 200 and "gzip" in self.headers.get("Accept-Encoding", ""):
            return status, {**headers, "Content-Encoding": "gzip"}, gzip.compress(body, 1)
        return status, headers, body

    def _send(self, status, headers, body):
        headers = {"Content-Length": str(len(body)), **headers}
        lines = [f"HTTP/1.1 {status} -", *(f"{key}: {value}" for key, value in headers.items())]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.connection.sendall(head + (b"" if self.command == "HEAD" else body))

    def _route(self, path):
        scripted = self.archive.scripts.get(path)
        if scripted:
            status, headers, body = scripted.pop(0)
            raise Answer(status, body, headers or None)
        if path in self.archive.redirects:
            raise Answer(302, b"", {"Location": self.archive.redirects[path]})
        for pattern, method, endpoint in self.routes:
            match = re.fullmatch(pattern, path)
            if match and method != self.command and path.startswith("/api/"):
                raise Answer(
                    405, b"Method not allowed", {"Allow": method, "Content-Type": "text/html"}
                )
            if match:
                endpoint(self, *match.groups())
        if path.startswith("/api/v2/") and not path.endswith("/"):
            raise Answer(301, b"", {"Location": path + "/"})
        raise Answer(404, HTML_404)

    # --- listings ---

    def _one(self, name):
        return self.query.get(name, [""])[-1]

    def _limit(self):
        text = self._one("limit")
        if not re.fullmatch(r"-?\d*", text):
            problem = {"type": "int_parsing", "loc": ["query", "limit"]}
            problem["msg"] = "Input should be a valid integer, unable to parse string as an integer"
            raise Answer(422, {"detail": [problem]})
        return min(int(text or 0) or MAX_PAGE, MAX_PAGE)

    def _paged(self, items, render, created, *, unlisted=0):
        """One page, with the server's own arithmetic: see paging.walk for what is wrong in it."""
        limit, (offset, position) = self._limit(), self._cursor()
        after = 0 if position is None else bisect_right(items, position, key=created)
        start = after + min(offset, MAX_PAGE)
        results = items[start : start + MAX_PAGE + 1]
        page, following = results[: max(limit, 0)], None
        if len(results) > len(page):
            marker = _next_marker(page, created(results[-1]), created, limit)
            following = marker if marker[1] else (offset + limit if position else limit, position)
        link = None if following is None else self._link(*following)
        count = "null" if position else str(len(items) + unlisted)
        listed = ", ".join(render(item) for item in page)
        body = f'{{"results": [{listed}], "count": {count}, "next": {json.dumps(link)}, '
        raise Answer(200, (body + '"previous": null}').encode(), {"Content-Type": JSON})

    def _cursor(self):
        text = self._one("cursor")
        try:
            decoded = parse_qs(base64.b64decode(text, validate=True).decode())
        except ValueError:
            return 0, None  # as the server does: what is not base64 is page one
        position = decoded.get("p", [None])[0]
        if position is not None and not position[:1].isdigit():
            problem = {"loc": ["query", "cursor"], "msg": "Value error, Invalid cursor."}
            raise Answer(422, {"detail": [problem]})
        return int(decoded.get("o", ["0"])[0]), position

    def _link(self, offset, position):
        parts = {"o": offset, "p": position}
        text = urlencode({key: value for key, value in parts.items() if value})
        cursor = base64.b64encode(text.encode()).decode()
        query = {**self.query, "cursor": [cursor]}
        path = urlsplit(self.path).path
        return f"{self.archive.root}{path}?{urlencode(sorted(query.items()), doseq=True)}"


def _next_marker(page, compare, created, limit):
    """Offset and position of the next cursor, or position None if the whole page is one tie."""
    for offset, item in enumerate(reversed(page)):
        if created(item) != compare:
            return offset, created(item)
    return limit, None
