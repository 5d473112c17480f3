"""500 images through a server that fails three requests in ten, in every way it can."""

import csv
import json

from isic_api.client import IsicClient
from isic_api.download import download_images
from isic_api.selection import Selection
from tests.fakes.archive import FakeArchive
from tests.fakes.archive_faults import KINDS, Faults


def test_every_image_is_byte_identical_or_listed_as_failed(tmp_path):
    faults = Faults(0.3, seed=1, stall=0.5, retry_after="0")
    with FakeArchive(train=500, test=0, private=0, faults=faults) as archive:
        client = IsicClient(archive.base_url, backoff=0.005, timeout=(1, 0.3))
        report = download_images(client, Selection(), tmp_path)
        expected = {image: archive.image_bytes(image) for image in archive.by_id}
    assert set(faults.seen) == set(KINDS)
    found = {path.stem: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    failed = set()
    if report.failed:
        with (tmp_path / "failed.csv").open(newline="") as file:
            failed = {row["isic_id"] for row in csv.DictReader(file)}
    assert report.requested == 500
    assert set(found) | failed == set(expected)
    assert not set(found) & failed
    assert all(content == expected[image] for image, content in found.items())
    assert report.complete == (not failed)
    assert len(failed) < 10  # six attempts an image leave about 0.3^6 of 500
    assert json.loads((tmp_path / "query.json").read_text())["counts"]["failed"] == len(failed)
    assert not (tmp_path / ".parts").exists()

    with FakeArchive(train=500, test=0, private=0) as archive:
        assert download_images(IsicClient(archive.base_url), Selection(), tmp_path).complete
    assert len(list((tmp_path / "images").iterdir())) == 500
