"""What the fake Archive answers, endpoint by endpoint."""

import base64
import json
import re
from collections import Counter

from tests.fakes.archive_faults import HTML_500
from tests.fakes.archive_http import Answer, Handler

NOT_FOUND = {"detail": "Not Found"}
UNAUTHORIZED = {"detail": "Unauthorized"}
LICENSE_TEXT = {
    "CC-0": "CC0 1.0 Universal\n",
    "CC-BY": "Attribution 4.0 International\n",
    "CC-BY-NC": "Attribution-NonCommercial 4.0 International\n",
}
COLLECTIONS = {
    72: ("Challenge 2019: Test", True),
    65: ("Challenge 2019: Training", True),
    99: ("Private lesions", False),
}


class Endpoints(Handler):
    def _collections(self):
        text = ",".join(self.query.get("collections", []))
        try:
            return frozenset(int(one) for one in text.split(",") if one)
        except ValueError as error:
            problem = {"loc": ["query", "collections"], "msg": f"Value error, {error}"}
            raise Answer(422, {"detail": [problem]}) from None

    def _found(self):
        return self.archive.visible(
            authorized=self.authorized,
            collections=self._collections(),
            query=self._one("query"),
        )

    def images(self):
        self._paged(
            self._found(), lambda r: self.archive.image_text(r.isic_id), lambda r: r.created
        )

    def search(self):
        found = self._found()
        self.archive.served["search"] += 1
        listed = [row for row in found if self.archive.lists(row)]
        unlisted = len(found) - len(listed) + self.archive.count_offset
        self._paged(
            listed,
            lambda r: self.archive.image_text(r.isic_id),
            lambda r: r.created,
            unlisted=unlisted,
        )

    def image(self, isic_id):
        row = self._row(isic_id)
        raise Answer(200, self.archive.image_json(row))

    def _row(self, isic_id):
        row = self.archive.by_id.get(isic_id)
        if row is None or not (row.public or self.authorized):
            raise Answer(404, NOT_FOUND)
        return row

    def similar(self, isic_id):
        self._login()
        limit = int(self._one("limit") or 10)
        if limit > 50:
            raise Answer(422, {"detail": [{"loc": ["query", "limit"], "msg": "at most 50"}]})
        self._row(isic_id)
        others = [row for row in self.archive.rows if row.isic_id != isic_id][:limit]
        raise Answer(
            200, [{**self.archive.image_json(r), "distance": i / 10} for i, r in enumerate(others)]
        )

    def _login(self):
        if not self.authorized:
            raise Answer(401, UNAUTHORIZED)

    def _hidden(self):
        if self.archive.hidden_status:
            raise Answer(self.archive.hidden_status, HTML_500)

    def size(self):
        self._hidden()
        raise Answer(200, {"size": sum(len(self._file(r)) for r in self._found())})

    def _file(self, row):
        return (
            self.archive.image_bytes(row.isic_id) if len(self.archive.rows) < 400 else b"-" * 5000
        )

    def facets(self):
        self._hidden()
        rows = self._found()
        counts = Counter(row.clinical.get("sex") for row in rows)
        missing = counts.pop(None, 0)
        meta = {"missing_count": missing, "present_count": len(rows) - missing}
        buckets = [{"key": key, "doc_count": count} for key, count in counts.most_common()]
        raise Answer(200, {"sex": {"meta": meta, "buckets": buckets}})

    def collections(self):
        order = self._one("sort")
        if order not in ("", "name", "created"):
            problem = {"loc": ["query", "sort"], "msg": "Input should be 'name' or 'created'"}
            raise Answer(422, {"detail": [problem]})
        ids = [key for key, (_, public) in COLLECTIONS.items() if public or self.authorized]
        created = {key: f"{at:03d}" for at, key in enumerate(ids)}  # newest first
        self._paged(ids, lambda one: json.dumps(self._collection(one)), created.get)

    def _collection(self, key):
        name, public = COLLECTIONS[key]
        doi = "10.34970/000072" if key == 72 else None
        about = {
            "doi": doi,
            "doi_url": doi and f"https://doi.org/{doi}",
            "id": key,
            "name": name,
            "description": "made up",
        }
        return {**about, "public": public, "pinned": public, "locked": public}

    def collection(self, key):
        if not key.isdecimal():
            raise Answer(422, {"detail": [{"loc": ["path", "id"], "msg": "not an integer"}]})
        self._may_see(int(key))
        raise Answer(200, self._collection(int(key)))

    def _may_see(self, key):
        if key not in COLLECTIONS or not (COLLECTIONS[key][1] or self.authorized):
            raise Answer(404, NOT_FOUND)

    def collection_attribution(self, key):
        self._hidden()
        rows = self.archive.visible(authorized=self.authorized, collections=frozenset([int(key)]))
        counts = Counter((row.license, row.attribution) for row in rows)
        raise Answer(
            200,
            [
                {"license": name, "attribution": text, "count": count}
                for (name, text), count in counts.most_common()
            ],
        )

    def collection_metadata(self, key):
        """A page of the website: it knows cookies and no tokens."""
        self._hidden()
        if not COLLECTIONS.get(int(key), (None, True))[1]:
            login = f"/accounts/login/?next=/collections/{key}/metadata/"
            raise Answer(302, b"", {"Location": login})
        self._may_see(int(key))
        rows = self.archive.visible(authorized=self.authorized, collections=frozenset([int(key)]))
        raise Answer(200, self.archive.metadata_csv(rows), {"Content-Type": "text/csv"})

    def me(self):
        self._login()
        user = {"id": 1, "email": "ada@example.org", "full_name": "Ada Example", "hash_id": "A1"}
        raise Answer(200, {**user, "created": "2020-01-01T00:00:00Z", "accepted_terms": None})

    def zip_url(self):
        self._hidden()
        asked = json.loads(self.body)
        if set(asked) - {"query", "collections"}:
            raise Answer(422, {"detail": [{"loc": ["body"], "msg": "Extra inputs"}]})
        signed = json.dumps({**asked, "user": 1 if self.authorized else None})
        token = base64.urlsafe_b64encode(signed.encode()).decode()
        raise Answer(200, f"https://zip.example.org/download?zsid={token}")

    def _zip_rows(self):
        self._hidden()
        try:
            asked = json.loads(base64.urlsafe_b64decode(self._one("token")))
        except ValueError:
            raise Answer(401, UNAUTHORIZED) from None
        ids = asked.get("collections") or ()
        return self.archive.visible(
            authorized=asked.get("user") is not None,
            collections=frozenset(ids),
            query=asked.get("query", ""),
        )

    def login_page(self):
        raise Answer(200, b"<!doctype html>\n<html><title>Sign In</title></html>\n")

    def zip_listing(self):
        """Not for clients: the real one wants its zip service's password beside the token."""
        raise Answer(401, UNAUTHORIZED)

    def _lesions(self):
        lesions = {}
        for row in self.archive.visible(authorized=self.authorized):
            lesions.setdefault(row.clinical["lesion_id"], []).append(row)
        return lesions

    def _lesion(self, key, rows):
        last = rows[-1].clinical
        levels = [last[name] for name in sorted(last) if name.startswith("diagnosis_")]
        return {
            "images": [self.archive.image_json(row) for row in rows],
            "images_count": len(rows),
            "longitudinally_monitored": False,
            "index_image_id": rows[-1].isic_id,
            "outcome_diagnosis": ":".join(levels) or None,
            "outcome_diagnosis_1": levels[0] if levels else None,
            "id": key,
        }

    def lesions(self):
        found = sorted(self._lesions().items())
        self._paged(found, lambda one: json.dumps(self._lesion(*one)), lambda one: one[0][3:])

    def lesion(self, key):
        rows = self._lesions().get(key)
        if not rows:
            raise Answer(404, NOT_FOUND)
        raise Answer(200, self._lesion(key, rows))

    def zip_metadata(self):
        raise Answer(200, self.archive.metadata_csv(self._zip_rows()), {"Content-Type": "text/csv"})

    def license(self, name):
        self._hidden()
        if name not in LICENSE_TEXT:
            raise Answer(404, NOT_FOUND)
        raise Answer(200, LICENSE_TEXT[name].encode(), {"Content-Type": "text/plain"})

    # --- files, as a bucket serves them ---

    def picture(self, folder, isic_id):
        if isic_id not in self.archive.by_id or isic_id in self.archive.missing:
            raise Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if self.archive.gate is not None:
            self.archive.gate.wait(20)
        self.archive.served["images"] += 1
        content = self.archive.image_bytes(isic_id, thumbnail=folder == "thumbnails")
        if isic_id in self.archive.corrupt:
            content = content[:200] + bytes(len(content) - 200)
        raise Answer(200, content, {"Content-Type": "image/jpeg"})

    def challenge_file(self, name):
        content = self.archive.challenge.get(name)
        if content is None:
            raise Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        headers = {"Content-Type": "binary/octet-stream", "ETag": f'"{hash(content):x}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not wanted or self.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
            raise Answer(200, content, headers)
        start = int(wanted[1])
        self.archive.sent_ranges.append(start)
        if start >= len(content):
            headers["Content-Range"] = f"bytes */{len(content)}"
            raise Answer(416, b"", headers)
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        raise Answer(206, content[start:], headers)


Endpoints.routes = (
    (r"/media/(images)/(ISIC_\d+)\.jpg", "GET", Endpoints.picture),
    (r"/media/(thumbnails)/(ISIC_\d+)_thumbnail_256\.jpg", "GET", Endpoints.picture),
    (r"/api/v2/images/", "GET", Endpoints.images),
    (r"/api/v2/images/search/", "GET", Endpoints.search),
    (r"/api/v2/images/search/size/", "GET", Endpoints.size),
    (r"/api/v2/images/facets/", "GET", Endpoints.facets),
    (r"/api/v2/images/([^/]+)/", "GET", Endpoints.image),
    (r"/api/v2/images/([^/]+)/similar/", "GET", Endpoints.similar),
    (r"/api/v2/collections/", "GET", Endpoints.collections),
    (r"/api/v2/collections/([^/]+)/", "GET", Endpoints.collection),
    (r"/api/v2/collections/(\d+)/attribution/", "GET", Endpoints.collection_attribution),
    (r"/api/v2/lesions/", "GET", Endpoints.lesions),
    (r"/api/v2/lesions/([^/]+)/", "GET", Endpoints.lesion),
    (r"/api/v2/users/me/", "GET", Endpoints.me),
    (r"/api/v2/zip-download/url/", "POST", Endpoints.zip_url),
    (r"/api/v2/zip-download/file-listing/", "GET", Endpoints.zip_listing),
    (r"/api/v2/zip-download/metadata-file/", "GET", Endpoints.zip_metadata),
    (r"/api/v2/zip-download/license-file/([^/]+)/", "GET", Endpoints.license),
    (r"/collections/(\d+)/metadata/", "GET", Endpoints.collection_metadata),
    (r"/accounts/login/", "GET", Endpoints.login_page),
    (r"/challenges/2019/([\w.]+)", "GET", Endpoints.challenge_file),
)
