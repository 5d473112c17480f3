"""Every endpoint, through HTTP, against a server with the real one's habits."""

import errno
import json
import tempfile
from pathlib import Path

import pytest
import requests

from isic_api import errors
from isic_api.client import IsicClient
from isic_api.session import Bookmark
from tests.fakes.archive import FakeArchive
from tests.fakes.archive_data import ATTRIBUTIONS

RECORDED = json.loads((Path(__file__).parents[1] / "data/isic_api/errors.json").read_text())


@pytest.fixture(scope="module")
def archive():
    with FakeArchive() as archive:
        yield archive


@pytest.fixture
def client(archive):
    return IsicClient(archive.base_url, backoff=0.01, attempts=2)


@pytest.fixture
def member(archive):
    return IsicClient(archive.base_url, backoff=0.01, attempts=2, token="right-token")


# === The fake Archive itself ===


@pytest.mark.parametrize(
    ("limit", "pages", "rows"),
    [(1, 78, 78), (2, 77, 154), (7, 26, 180), (50, 5, 226), (100, 3, 230)],
)
def test_the_fake_archive_skips_rows_just_as_the_real_one(archive, limit, pages, rows):
    following, seen, asked = f"{archive.base_url}images/?limit={limit}", set(), 0
    while following:
        page = requests.get(following, timeout=5).json()
        following, asked = page["next"], asked + 1
        seen |= {image["isic_id"] for image in page["results"]}
    assert (asked, len(seen)) == (pages, rows)


def test_the_fake_archive_counts_on_the_first_page_only(archive):
    first = requests.get(archive.base_url + "images/search/", timeout=5)
    assert first.json()["count"] == 230
    assert first.headers["Content-Encoding"] == "gzip"
    assert requests.get(first.json()["next"], timeout=5).json()["count"] is None


NOT_FAKED = {"lesion_404", "zip_url", "search_size", "facets"}  # the last three worked on no search


@pytest.mark.parametrize("name", sorted(set(RECORDED) - NOT_FAKED))
def test_the_fake_archive_fails_just_as_the_real_one(archive, name):
    recorded = RECORDED[name]
    got = requests.request(recorded["method"], archive.root + recorded["path"], timeout=5)
    assert got.status_code == recorded["status"]
    if not isinstance(recorded["body"], dict):
        assert "json" not in got.headers["Content-Type"]
        return
    body = got.json()
    assert set(body) == set(recorded["body"])
    if isinstance(body.get("detail"), list):
        assert body["detail"][0]["loc"] == recorded["body"]["detail"][0]["loc"]
    else:
        assert body == recorded["body"]


# === Listings ===


def test_search_finds_every_image_once_in_order(client):
    ids = [image.isic_id for image in client.search()]
    assert ids == [f"ISIC_{number:07d}" for number in range(230)]


def test_search_by_query_and_collections(client):
    assert len(list(client.search("sex:male", collections=[65]))) == 68
    assert len(list(client.search(collections=[65, 72]))) == 230
    assert len(list(client.search("sex:male OR sex:female", collections=[72]))) == 17


def test_a_query_with_signs_of_an_address_arrives_whole(client):
    query = 'mel_mitotic_index:">4/mm^2" OR diagnosis_3:"a&b#c+d%20"'
    assert list(client.search(query)) == []


def test_search_is_lazy(archive, client):
    archive.log.clear()
    assert next(client.search()).isic_id == "ISIC_0000000"
    assert len(archive.log) == 1


def test_count_and_first_page(client):
    assert client.count("sex:male") == 77
    count, images = client.first_page(collections=[72])
    assert (count, len(images)) == (25, 25)


@pytest.mark.parametrize("ties", [2, 99, 150, 200])
def test_equal_creation_times_lose_nothing(ties):
    with FakeArchive(train=430, test=0, private=0, ties=ties) as archive:
        assert len({image.isic_id for image in IsicClient(archive.base_url).search()}) == 430


def test_a_listing_that_goes_in_circles_and_cannot_be_completed_says_so():
    with FakeArchive(train=430, test=0, private=0, ties=430, only_first=300) as archive:
        got = []
        with pytest.raises(errors.IncompleteListingError, match="stopped at 300: it repeats"):
            got.extend(image.isic_id for image in IsicClient(archive.base_url).search())
    assert len(got) == 300


def test_a_listing_with_fewer_than_counted_says_so_after_the_last():
    with FakeArchive(train=150, test=0, private=0, only_first=120) as archive:
        got = []
        with pytest.raises(errors.IncompleteListingError, match=r"counts 150 .* stopped at 120"):
            got.extend(IsicClient(archive.base_url).search())
    assert len(got) == 120


def test_more_than_counted_is_no_error():
    with FakeArchive(train=150, test=0, private=0, count_offset=-20) as archive:
        assert len(list(IsicClient(archive.base_url).search())) == 150


# === Single things ===


def test_image_by_id(client):
    assert client.image("ISIC_0000004").challenge_class == "BKL"
    for unknown in ("ISIC_9999999", "foo", "../collections"):
        with pytest.raises(errors.NotFoundError):
            client.image(unknown)


def test_similar_images_need_a_token(client, member):
    found = member.similar("ISIC_0000003", limit=4)
    assert [distance for _, distance in found] == [0.0, 0.1, 0.2, 0.3]
    with pytest.raises(errors.TokenRefusedError, match="ISIC_TOKEN"):
        client.similar("ISIC_0000003")
    with pytest.raises(errors.RefusedError, match="at most 50"):
        member.similar("ISIC_0000003", limit=51)


def test_collections_by_list_id_and_name(client):
    assert [one.id for one in client.collections()] == [72, 65]
    assert client.resolve(65).name == "Challenge 2019: Training"
    assert client.resolve("72").name == "Challenge 2019: Test"
    assert client.resolve("challenge 2019: test").id == 72
    with pytest.raises(errors.UnknownCollectionError, match="no collection 4242"):
        client.resolve("4242")
    with pytest.raises(errors.UnknownCollectionError, match="Did you mean 'Challenge 2019: Train"):
        client.resolve("Challenge 2019 Training")


def test_a_private_collection_is_seen_with_the_token_only(client, member):
    assert len(list(member.search(collections=[99]))) == 3
    assert member.resolve("Private lesions").id == 99
    assert list(client.search(collections=[99])) == []
    with pytest.raises(errors.UnknownCollectionError):
        client.collection(99)


def test_whoami(client, member):
    assert member.whoami().full_name == "Ada Example"
    with pytest.raises(errors.TokenRefusedError, match="no token is set"):
        client.whoami()
    with pytest.raises(errors.TokenRefusedError, match="refused the token"):
        IsicClient(client.base_url, token="wrong").whoami()


def test_size_and_facets(archive, client):
    expected = sum(len(archive.image_bytes(f"ISIC_{number:07d}")) for number in range(205, 230))
    assert client.size(collections=[72]) == expected
    assert client.facets("sex:male")["sex"]["buckets"] == [{"key": "male", "doc_count": 77}]


def test_metadata_csv_has_the_images_own_attributions(client):
    rows = {row.isic_id: row for row in client.collection_metadata(65)}
    assert len(rows) == 205
    assert rows["ISIC_0000002"].attribution == ATTRIBUTIONS[2]  # with its accent
    zipped = list(client.zip_metadata("sex:male", collections=[65]))
    assert {row.metadata.sex for row in zipped} == {"male"}
    assert len(zipped) == 68


def test_lesions(client):
    lesion = client.lesion("IL_0000001")
    assert (lesion.id, lesion.images) == ("IL_0000001", ("ISIC_0000002", "ISIC_0000003"))
    assert lesion.outcome[2] == "Solar or actinic keratosis"
    assert len(list(client.lesions())) == 115
    with pytest.raises(errors.NotFoundError):
        client.lesion("IL_9999999")


def test_images_of_one_creation_time_are_all_listed_though_the_server_pages_in_circles():
    with FakeArchive(train=418, test=0, ties=418) as archive:
        client = IsicClient(archive.base_url, backoff=0.01)
        assert len({image.isic_id for image in client.search()}) == 418
        male = list(client.search("sex:male OR sex:female", collections=[65]))
        assert len(male) == len({image.isic_id for image in male}) == 278


def test_a_listing_promoted_from_its_bookmark(archive, client):
    bookmark = Bookmark()
    listing = client.search(bookmark=bookmark)
    first = [next(listing).isic_id for _ in range(150)]
    archive.log.clear()
    again = Bookmark(bookmark.cursor, bookmark.total, set(first))
    rest = [image.isic_id for image in client.search(bookmark=again)]
    assert sorted(first + rest) == sorted(archive.by_id)[:230]
    assert len(archive.log) == 2
    assert list(client.search(bookmark=again)) == []  # nothing is left, and that is no circle


def test_licences(client):
    assert client.license_text("CC-BY").startswith("Attribution 4.0")
    with pytest.raises(errors.NotFoundError):
        client.license_text("MIT")


# === Refusals ===


def test_a_bad_query_is_refused_before_it_is_sent(archive, client):
    archive.log.clear()
    with pytest.raises(errors.QueryError):
        client.count("age_approx:>50")
    assert not archive.log


def test_a_query_that_only_the_server_refuses_is_a_query_error_too(archive, client):
    answer = (400, {"Content-Type": "application/json"}, b'{"message": "Could not parse it."}')
    archive.scripts["/api/v2/images/search/"] = [answer]
    with pytest.raises(errors.QueryError, match="Could not parse it"):
        client.count("sex:male")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "one"}', "one"),
        (b'{"error": "two"}', "two"),
        (b'{"detail": "three"}', "three"),
        (b'{"detail": [{"msg": "four"}, {"msg": "five"}]}', "four; five"),
        (b"<html>six</html>", "400"),
        (b"[]", "400"),
    ],
)
def test_an_error_is_told_in_the_servers_words(archive, client, body, said):
    archive.scripts["/api/v2/images/ISIC_0000001/"] = [(400, {}, body)]
    with pytest.raises(errors.RefusedError, match=said):
        client.image("ISIC_0000001")


def test_an_answer_that_is_no_json_points_to_the_base_url(archive, client):
    archive.scripts["/api/v2/images/ISIC_0000001/"] = [(200, {}, b"<html>wifi</html>")] * 2
    with pytest.raises(errors.UnexpectedAnswerError, match="is the base URL right"):
        client.image("ISIC_0000001")


def test_a_full_temporary_folder_is_named(client, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(client, "_spool", no_room)
    with pytest.raises(errors.DiskFullError, match=tempfile.gettempdir()):
        next(client.collection_metadata(65))


def test_a_site_page_instead_of_the_csv_is_noticed(archive, client):
    archive.scripts["/collections/65/metadata/"] = [(200, {}, b"<!doctype html>")] * 2
    with pytest.raises(errors.UnexpectedAnswerError, match="is not a metadata CSV"):
        list(client.collection_metadata(65))


@pytest.mark.parametrize(
    "base",
    [
        *("", "api.isic-archive.com", "https://example.org/", "https://me:pw@example.org/api/v2/"),
        *("http://[::1/api/v2/", "http://localhost:port/api/v2/"),
    ],
)
def test_a_base_url_that_cannot_be_one_is_refused(base):
    with pytest.raises(errors.SettingsError, match="ISIC_API_URL") as refused:
        IsicClient(base)
    assert "pw" not in str(refused.value)


def test_the_base_url_may_lack_its_last_slash():
    assert IsicClient("http://127.0.0.1:1/api/v2").base_url == "http://127.0.0.1:1/api/v2/"
