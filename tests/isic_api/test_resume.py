"""Killed, interrupted, cut off: the same command again brings the rest and no image twice."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isic_api.client import IsicClient
from isic_api.download import download_images
from isic_api.files import Journal
from isic_api.folder import DataFolder, StoredImage
from isic_api.records import ImageRecord
from isic_api.selection import Selection
from tests.fakes.archive import FakeArchive
from tests.fakes.archive_data import COHORT_ATTRIBUTION
from tests.fakes.archive_faults import Faults

ROOT = Path(__file__).parents[2]
IMAGES = 240


class Unhurried(Faults):
    """Answers after a pause, so that a download can be caught in the middle on any machine."""

    pause = 0.0

    def pick(self):
        time.sleep(self.pause)


@pytest.fixture(scope="module")
def archive():
    with FakeArchive(train=IMAGES, test=0, private=0, faults=Unhurried(0)) as archive:
        yield archive


@pytest.fixture
def unhurried(archive, monkeypatch):
    monkeypatch.setattr(archive.faults, "pause", 0.03)


def heed_interrupts():
    """A shell's background jobs ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(archive, out, preexec_fn=heed_interrupts):
    command = [sys.executable, "-m", "isic_api", "download", str(out), "--workers", "4"]
    environment = {**os.environ, "ISIC_API_URL": archive.base_url}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=preexec_fn,
    )


def wait_for_images(out, number):
    """Until so many are in the manifest."""
    manifest, until = out / "manifest.jsonl", time.monotonic() + 20
    while not manifest.exists() or manifest.read_bytes().count(b"\n") < number:
        assert time.monotonic() < until
        time.sleep(0.005)


def downloaded(archive):
    """Ids of the images that were asked for."""
    paths = (path for _, path, _ in archive.log)
    return {Path(path).stem for path in paths if path.startswith("/media/images")}


def finish(archive, out):
    return download_images(IsicClient(archive.base_url), Selection(), out)


def assert_whole(archive, out):
    found = {path.stem: path.read_bytes() for path in (out / "images").iterdir()}
    assert found == {image: archive.image_bytes(image) for image in archive.by_id}
    entries = [json.loads(line) for line in (out / "metadata.jsonl").open()]
    assert len(entries) == len({entry["isic_id"] for entry in entries}) == IMAGES
    assert (out / "Metadata.csv").read_text().count("\n") == IMAGES + 1
    assert not (out / ".parts").exists()


@pytest.mark.slow
def test_kill_9_at_any_moment_and_go_on(archive, tmp_path, unhurried):
    in_place = set()
    for number in (1, 40, 100):
        archive.log.clear()
        process = start(archive, tmp_path)
        wait_for_images(tmp_path, number)
        process.kill()
        process.communicate()
        assert not in_place & downloaded(archive)
        in_place = {path.stem for path in (tmp_path / "images").iterdir()}
        counted = [json.loads(line) for line in (tmp_path / "manifest.jsonl").open()]
        assert in_place <= {entry["isic_id"] for entry in counted}
        for isic_id in in_place:  # what is there is whole
            content = archive.image_bytes(isic_id)
            assert (tmp_path / f"images/{isic_id}.jpg").read_bytes() == content
        described = (tmp_path / "metadata.jsonl").read_bytes().count(b"\n")
        assert described >= len(counted)  # its metadata is there too
    archive.log.clear()
    report = finish(archive, tmp_path)
    assert not in_place & downloaded(archive)
    assert report.complete
    assert report.skipped >= 100
    assert_whole(archive, tmp_path)


def test_a_file_killed_between_the_manifest_and_its_place_is_not_fetched_again(archive, tmp_path):
    finish(archive, tmp_path)
    (tmp_path / ".parts").mkdir()
    (tmp_path / "images/ISIC_0000005.jpg").rename(tmp_path / ".parts/ISIC_0000005.jpg")
    assert finish(archive, tmp_path).downloaded == 0
    assert_whole(archive, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_one_line_and_leaves_everything_in_order(archive, tmp_path, unhurried, sign):
    process = start(archive, tmp_path)
    wait_for_images(tmp_path, 40)
    process.send_signal(sign)
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert (
        error.strip().splitlines()[-1].startswith("interrupted: what has been downloaded is kept")
    )
    assert "Traceback" not in error
    count = sum(1 for _ in (tmp_path / "manifest.jsonl").open())
    assert 40 <= count < IMAGES
    assert len(list((tmp_path / "images").iterdir())) == count
    assert (tmp_path / "Metadata.csv").read_text().count("\n") == count + 1
    assert not (tmp_path / ".parts").exists()
    assert not json.loads((tmp_path / "query.json").read_text())["complete"]
    assert finish(archive, tmp_path).skipped == count
    assert_whole(archive, tmp_path)
    assert COHORT_ATTRIBUTION not in (tmp_path / "metadata_full.csv").read_text()


def test_a_full_disk_says_one_line_and_the_rest_comes_later(archive, tmp_path):
    limit = 20_000  # bytes a file may have: images are smaller, the manifest grows larger

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(archive, tmp_path, preexec_fn=small_disk)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert "is full. Free some space and run the same command again" in error
    assert "Traceback" not in error
    assert finish(archive, tmp_path).skipped > 0
    assert_whole(archive, tmp_path)


def test_a_file_that_changed_its_size_or_vanished_is_fetched_again(archive, tmp_path):
    finish(archive, tmp_path)
    (tmp_path / "images/ISIC_0000003.jpg").write_bytes(b"short")
    (tmp_path / "images/ISIC_0000004.jpg").unlink()
    assert finish(archive, tmp_path).downloaded == 2
    assert_whole(archive, tmp_path)


def test_a_line_cut_by_a_power_cut_does_no_harm(archive, tmp_path):
    finish(archive, tmp_path)
    for name in ("manifest.jsonl", "metadata.jsonl"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-40])
    report = finish(archive, tmp_path)
    assert (report.downloaded, report.complete) == (1, True)
    assert_whole(archive, tmp_path)


def test_part_files_of_a_killed_run_are_cleared_away(archive, tmp_path):
    parts = tmp_path / ".parts"
    parts.mkdir()
    (parts / "ISIC_0000001.jpg").write_bytes(b"half")
    finish(archive, tmp_path)
    assert_whole(archive, tmp_path)


def test_the_journal_drops_a_cut_line_and_passes_over_a_garbled_one(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"a":1}\n\x00\x00\x00\n{"a":2}\n{"a":')
    journal = Journal(path)
    offset = journal.append({"a": 3})
    journal.close()
    assert [entry for _, entry in journal] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert path.read_bytes()[offset:] == b'{"a":3}\n'


def test_the_latest_description_of_an_image_counts(tmp_path):
    def described(sex):
        body = {"isic_id": "ISIC_0000001", "copyright_license": "CC-0", "attribution": ""}
        return ImageRecord.from_json({**body, "metadata": {"clinical": {"sex": sex}}})

    with DataFolder(tmp_path) as folder:
        for sex in ("male", "female", "female"):
            folder.describe(described(sex))
        (folder.parts / "ISIC_0000001.jpg").write_bytes(b"x")
        folder.add(StoredImage("ISIC_0000001", "ISIC_0000001.jpg", 0, "", "full"))
    assert (tmp_path / "metadata.jsonl").read_text().count("\n") == 2
    with DataFolder(tmp_path) as folder:
        assert [record.metadata.sex for record in folder.descriptions()] == ["female"]
        assert list(folder) == []  # the manifest names a file that is not there
