"""A Hugging Face Hub on this machine, with as much of it as fetching and pushing a model need."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub import constants


class FakeHub:
    """Repositories by name, each with its commits: hash → file name → content."""

    def __init__(self):
        self.address = ""
        self.repositories = {}
        self.tokens = []  # as requests brought them

    def commit(self, repository, files):
        """Add a commit of these files alone; returns its hash, which ``main`` then means."""
        commits = self.repositories.setdefault(repository, {})
        name = hashlib.sha1(repr((len(commits), sorted(files))).encode()).hexdigest()
        commits[name] = files
        return name

    def files(self, repository, revision):
        """The files of a commit or of ``main``; None if there is no such thing."""
        commits = self.repositories.get(repository, {})
        name = next(reversed(commits), None) if revision == "main" else revision
        return name, commits.get(name)


class _Answers(BaseHTTPRequestHandler):
    """Routes of the Hub."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            what, revision = parts[4:6] or ("revision", "main")
            return self._about("/".join(parts[2:4]), what, revision)
        repository, _, revision, *path = "/".join(parts[:2]), *parts[2:]
        commit, files = self.server.hub.files(repository, revision)
        if files is None or "/".join(path) not in files:
            return self._json({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        content = files["/".join(path)]
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        return self._send(content, 200, {"ETag": etag, "X-Repo-Commit": commit})

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.server.hub.tokens.append(self.headers.get("Authorization"))
        parts = self.path.partition("?")[0].strip("/").split("/")
        if self.headers.get("Authorization") != "Bearer hf_right":
            return self._json({"error": "Invalid username or password."}, 401)
        if parts[-1] == "create":
            made = json.loads(body)
            name = f"{made['organization']}/{made['name']}"
            self.server.hub.repositories.setdefault(name, {})
            return self._json({"url": f"{self.server.hub.address}/{name}"})
        if parts[-1] == "validate-yaml":
            return self._json({"errors": [], "warnings": []})
        repository = "/".join(parts[2:4])
        if parts[4] == "preupload":
            modes = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._json({"files": modes})
        return self._take(repository, [json.loads(line) for line in body.splitlines()])

    def _take(self, repository, lines):
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        commit = self.server.hub.commit(repository, files)
        url = f"{self.server.hub.address}/{repository}/commit/{commit}"
        self._json({"success": True, "commitUrl": url, "commitOid": commit})

    def _about(self, repository, what, revision):
        hub = self.server.hub
        if repository not in hub.repositories:
            return self._json({"error": "no repository"}, 404, {"X-Error-Code": "RepoNotFound"})
        commit, files = hub.files(repository, revision)
        if files is None:
            return self._json({"error": "no revision"}, 404, {"X-Error-Code": "RevisionNotFound"})
        if what == "tree":
            return self._json(
                [
                    {"type": "file", "path": n, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for n, c in files.items()
                ]
            )
        return self._json({"id": repository, "sha": commit, "siblings": []})

    def _json(self, value, status=200, headers=None):
        self._send(json.dumps(value).encode(), status, headers or {}, "application/json")

    def _send(self, content, status, headers, kind="application/octet-stream"):
        self.send_response(status)
        headers = {**headers, "Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@contextmanager
def fake_hub():
    """Serve an empty Hub on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.hub = FakeHub()
    server.hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()


def send_there(monkeypatch, address, home):
    """Send this process's client to an address and a home; it reads its environment only once."""
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
