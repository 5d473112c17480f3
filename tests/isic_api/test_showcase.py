"""Images of the Archive for a page, from a server with the real one's habits."""

import pytest

from isic_api.client import IsicClient
from isic_api.showcase import Showcase
from tests.fakes.archive import FakeArchive

CODES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")


@pytest.fixture(scope="module")
def archive():
    with FakeArchive() as archive:
        yield archive


@pytest.fixture
def showcase(archive):
    return Showcase(IsicClient(archive.base_url, backoff=0.01, attempts=1))


def test_photographs_are_cc0_of_different_diagnoses_and_none_that_is_excluded(showcase, tmp_path):
    first = list(showcase.photographs(tmp_path, codes=CODES, exclude=(), count=3))
    assert len(first) == len({found.diagnosis for found in first}) == 3
    assert {found.record.copyright_license for found in first} == {"CC-0"}
    assert all(found.path.stat().st_size > 1000 for found in first)
    trained = {found.record.isic_id for found in first}
    others = list(showcase.photographs(tmp_path, codes=CODES, exclude=trained, count=3))
    assert not trained & {found.record.isic_id for found in others}


def test_credits_are_the_images_own_not_their_cohorts(showcase, tmp_path):
    found = list(showcase.photographs(tmp_path, codes=CODES, exclude=(), count=2))
    ids = [one.record.isic_id for one in found]
    assert showcase.credits(ids) == dict.fromkeys(ids, "Anonymous")
    assert "Anonymous" not in {one.record.attribution for one in found}
    nowhere = Showcase(IsicClient("http://127.0.0.1:9/api/v2/", backoff=0.01, attempts=1))
    assert nowhere.credits(ids) == {}


def test_a_thumbnail_is_fetched_once(showcase, archive, tmp_path):
    found = next(showcase.photographs(tmp_path, codes=CODES, exclude=(), count=1))
    content = showcase.thumbnail(found.record.isic_id)
    assert content.startswith(b"\xff\xd8")
    assert showcase.thumbnail(found.record.isic_id) is content
    assert showcase.thumbnail("ISIC_9999999") is None  # and the Archive may still be asked
    assert showcase.thumbnail("ISIC_0000006") is not None


def test_after_a_failure_the_archive_is_left_alone(tmp_path):
    nowhere = Showcase(IsicClient("http://127.0.0.1:9/api/v2/", backoff=0.01, attempts=1))
    assert nowhere.thumbnail("ISIC_0000001") is None
    asked = nowhere._paused_until
    assert nowhere.thumbnail("ISIC_0000002") is None
    assert nowhere._paused_until == asked


def test_a_thumbnail_that_failed_is_asked_for_again(archive, showcase, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(showcase._client, "base_url", "http://127.0.0.1:9/api/v2/")
        assert showcase.thumbnail("ISIC_0000003") is None
    showcase._paused_until = 0.0
    assert showcase.thumbnail("ISIC_0000003") is not None


def test_without_the_archive_there_are_no_photographs(tmp_path):
    nowhere = Showcase(IsicClient("http://127.0.0.1:9/api/v2/", backoff=0.01, attempts=1))
    with pytest.raises(OSError, match="Archive"):
        list(nowhere.photographs(tmp_path, codes=CODES, exclude=(), count=1))
