"""A stand-in for the ISIC Archive on 127.0.0.1: real HTTP, synthetic rows, faults on demand.

Hand-written from the recorded behaviour of the real server, its two paging faults included.

    with FakeArchive(train=205, test=25) as archive:
        client = IsicClient(archive.base_url)

By hand: ``python -m tests.fakes.archive --port 8000 --train 2000 --fail 0.3``

archive_http speaks, archive_endpoints answers, archive_query searches,
archive_data makes rows and pictures, archive_faults breaks things.
"""

import argparse
import contextlib
import csv
import io
import json
import socket
import threading
from collections import Counter
from functools import lru_cache
from http.server import ThreadingHTTPServer

from tests.fakes.archive_data import COHORT_ATTRIBUTION, jpeg, make_row
from tests.fakes.archive_endpoints import Endpoints
from tests.fakes.archive_faults import Faults
from tests.fakes.archive_query import matcher


class FakeArchive:
    """``train``, ``test`` and ``private`` images in collections 65, 72 and 99.

    ties: rows with the same creation time. era: see archive_data.
    hidden_status: what the hidden endpoints answer instead of what they should.
    missing, corrupt: ids whose file is 404, or never decodes. variety: different pictures.
    """

    def __init__(
        self, *, train=205, test=25, private=3, ties=3, era="c", port=0, faults=None, **options
    ):
        self.faults = faults or Faults(0)
        self.token = options.pop("token", "right-token")
        self.hidden_status = options.pop("hidden_status", None)
        self.missing = set(options.pop("missing", ()))
        self.corrupt = set(options.pop("corrupt", ()))
        self.variety = options.pop("variety", 64)
        self.only_first = options.pop("only_first", None)  # rows listed, however many counted
        self.count_offset = options.pop("count_offset", 0)
        self.gate = options.pop("gate", None)  # an Event that images wait for
        assert not options, options
        self.rows = [make_row(n, 65, ties=ties, era=era) for n in range(train)]
        self.rows += [make_row(train + n, 72, ties=ties, era=era) for n in range(test)]
        start = train + test
        self.rows += [make_row(start + n, 99, ties=ties, public=False) for n in range(private)]
        self.by_id = {row.isic_id: row for row in self.rows}
        self.challenge = {}  # name → bytes of a challenge file
        self.redirects = {}  # path → Location
        self.scripts = {}  # path → list of (status, headers, body) to send first
        self.log = []  # (method, path, Authorization or None)
        self.served = Counter()
        self.sent_ranges = []  # first bytes asked for of challenge files
        self._server = _Server(("127.0.0.1", port), Endpoints)
        self._server.archive = self
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.base_url = f"{self.root}/api/v2/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self):
        self._server.serve_forever()

    def image_bytes(self, isic_id, *, thumbnail=False):
        size = {"width": 32, "height": 24} if thumbnail else {}
        return jpeg(isic_id, variety=self.variety, **size)

    def lists(self, row):
        return self.only_first is None or row.number < self.only_first

    def image_json(self, row):
        folder = f"{self.root}/media/{{}}/{row.isic_id}"
        return {
            "isic_id": row.isic_id,
            "copyright_license": row.license,
            "attribution": COHORT_ATTRIBUTION,
            "files": {
                "full": {"url": folder.format("images") + ".jpg", "size": 4321},
                "thumbnail_256": {
                    "url": folder.format("thumbnails") + "_thumbnail_256.jpg",
                    "size": 1234,
                },
            },
            "metadata": {"acquisition": row.acquisition, "clinical": row.clinical},
            "public": row.public,
        }

    @lru_cache(maxsize=30_000)  # noqa: B019
    def image_text(self, isic_id):
        return json.dumps(self.image_json(self.by_id[isic_id]))

    @lru_cache(maxsize=100)  # noqa: B019
    def visible(self, *, authorized, collections=frozenset(), query=""):
        """Raises CannotParse for a query that the server refuses."""
        test = matcher(query)
        return [
            row
            for row in self.rows
            if (row.public or authorized)
            and (not collections or row.collection in collections)
            and test(row)
        ]

    def metadata_csv(self, rows):
        columns = sorted({name for row in rows for name in row.clinical | {"image_type": 0}})
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(["isic_id", "attribution", "copyright_license", *columns])
        for row in rows:
            # age 0 is blank, as on the real server
            values = [
                row.fields.get(name) if row.fields.get(name) != 0 or name == "melanocytic" else ""
                for name in columns
            ]
            writer.writerow([row.isic_id, row.attribution, row.license, *values])
        return out.getvalue().encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that went away is no news here."""


def free_port():
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--train", type=int, default=205)
    parser.add_argument("--test", type=int, default=25)
    parser.add_argument("--fail", type=float, default=0.0, help="share of requests that go wrong")
    parser.add_argument("--token", default="right-token")
    options = parser.parse_args()
    archive = FakeArchive(
        train=options.train,
        test=options.test,
        port=options.port,
        token=options.token,
        faults=Faults(options.fail, stall=3, retry_after="2"),
    )
    print(archive.base_url, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        archive.serve_forever()


if __name__ == "__main__":
    main()
