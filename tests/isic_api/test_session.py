"""Attempts, waits, timeouts and the token, against a real server."""

import socket
import threading
import time

import pytest

from isic_api import errors
from isic_api.client import IsicClient
from isic_api.session import BearerToken, Session
from tests.fakes.archive import FakeArchive, free_port
from tests.fakes.archive_faults import KINDS, Faults

ME = "/api/v2/users/me/"
USER = b'{"full_name": "Ada Example", "email": null}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def archive():
    with FakeArchive(train=5, test=2) as archive:
        yield archive


@pytest.fixture(autouse=True)
def _quiet(archive):
    archive.log.clear()
    archive.scripts.clear()
    archive.redirects.clear()


def text(response):
    return response.content


def quick(**options):
    return Session(**{"backoff": 0.01, "timeout": (1, 1), **options})


def url(archive):
    return archive.root + "/media/images/ISIC_0000001.jpg"


def script(archive, *answers):
    archive.scripts["/media/images/ISIC_0000001.jpg"] = list(answers)


def test_gives_at_least_five_attempts_to_a_server_error(archive):
    script(archive, *[(500, {}, b"")] * 5)
    assert quick().fetch(url(archive), text)[:2] == b"\xff\xd8"
    assert len(archive.log) == 6


def test_gives_up_after_the_last_attempt_and_says_who_said_what(archive):
    script(archive, *[(503, {}, b"")] * 9)
    with pytest.raises(errors.ServerFaultError, match=r"127.0.0.1 answered 503 to /media/images/"):
        quick(attempts=3).fetch(url(archive), text)
    assert len(archive.log) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.RefusedError),
        (401, errors.TokenRefusedError),
        (403, errors.TokenRefusedError),
        (404, errors.NotFoundError),
        (422, errors.RefusedError),
    ],
)
def test_does_not_ask_again_what_was_refused(archive, status, error):
    script(archive, *[(status, {}, b"")] * 3)
    with pytest.raises(error):
        quick().fetch(url(archive), text)
    assert len(archive.log) == 1


def test_asks_again_for_a_file_whatever_the_fault(archive):
    script(archive, *[(404, {}, b"")] * 5)
    quick().fetch(url(archive), text, retry_refusals=True)
    assert len(archive.log) == 6


def test_waits_as_long_as_retry_after_says_and_says_so(archive):
    told = []
    script(archive, (429, {"Retry-After": "1"}, b""))
    began = time.monotonic()
    quick(on_wait=lambda *news: told.append(news)).fetch(url(archive), text)
    assert time.monotonic() - began >= 1
    assert told == [(1, "429 from 127.0.0.1")]


@pytest.mark.parametrize("words", ["soon", "", "-3"])
def test_takes_an_unreadable_retry_after_for_none(archive, words):
    script(archive, (429, {"Retry-After": words}, b""))
    quick().fetch(url(archive), text)


def test_reads_retry_after_as_a_date(archive):
    told = []
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
    script(archive, (503, {"Retry-After": date}, b""))
    quick(on_wait=lambda *news: told.append(news)).fetch(url(archive), text)
    assert 0 < told[0][0] <= 3


def test_does_not_wait_for_hours(archive):
    script(archive, (429, {"Retry-After": "7200"}, b""))
    with pytest.raises(errors.ServerFaultError, match="asks for a wait of 7200 s"):
        quick().fetch(url(archive), text)


def test_a_body_cut_short_costs_an_attempt_like_any_other_fault(archive):
    def read(response):
        bodies.append(response.content)
        if len(bodies) < 5:
            raise errors.BadFileError("not yet")
        return bodies[-1]

    bodies = []
    assert quick().fetch(url(archive), read) == bodies[4]


def test_a_host_that_is_down_is_named_at_once_and_in_the_end():
    told = []
    session = quick(attempts=3, backoff=0.5, on_wait=lambda *news: told.append(news))
    with pytest.raises(errors.HostDownError, match=r"127\.0\.0\.1 does not respond"):
        session.fetch(f"http://127.0.0.1:{free_port()}/x", text)
    assert told == [(1, "no connection from 127.0.0.1")]


def test_a_host_that_does_not_exist_is_named():
    with pytest.raises(errors.HostDownError, match=r"no-such-host\.invalid"):
        quick(attempts=2).fetch("http://no-such-host.invalid/x", text)


def test_a_host_that_stalls_is_left_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        session = quick(attempts=2, timeout=(0.2, 0.2))
        with pytest.raises(errors.HostDownError, match="no response in time"):
            session.fetch(silent_url, text)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(errors.RefusedError, match="No request can be sent to"):
        quick().fetch("ftp://example.org/x", text)


def test_stop_ends_a_long_wait(archive):
    script(archive, (429, {"Retry-After": "60"}, b""))
    session = quick()
    threading.Timer(0.2, session.stop).start()
    with pytest.raises(errors.StoppedError):
        session.fetch(url(archive), text)
    with pytest.raises(errors.StoppedError):
        session.fetch(url(archive), text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_costs_the_api_one_attempt(kind):
    class Once(Faults):
        def pick(self):
            if self.seen:
                return None
            self.seen[kind] += 1
            return lambda *response: getattr(self, f"_{kind}")(*response)

    with FakeArchive(train=30, test=0, private=0, faults=Once(1, stall=0.6)) as archive:
        client = IsicClient(archive.base_url, backoff=0.01, timeout=(1, 0.3))
        assert len(list(client.search())) == 30
        assert len(archive.log) == 2


# === Token ===

SECRET = "s3cret-Token"


def authorizations(archive):
    return {path: authorization for _, path, authorization in archive.log}


def test_the_token_goes_to_the_api_and_not_to_files_on_its_own_host(archive):
    archive.scripts[ME] = [(200, JSON, USER)]
    client = IsicClient(archive.base_url, token=SECRET)
    client.whoami()
    image = next(client.search())
    client.files.fetch(image.full.url, text)
    client.files.fetch(archive.base_url + "images/ISIC_0000001/", text)  # even below /api/v2/
    list(client.collection_metadata(65))  # a page of the site, beside the API
    sent = authorizations(archive)
    assert sent[ME] == f"Bearer {SECRET}"
    assert sent["/api/v2/images/search/"] == f"Bearer {SECRET}"
    assert sent["/media/images/ISIC_0000000.jpg"] is None
    assert sent["/api/v2/images/ISIC_0000001/"] is None
    assert sent["/collections/65/metadata/"] is None


def test_a_redirect_to_another_host_or_to_a_file_drops_the_token(archive):
    with FakeArchive(train=1, test=0) as other:
        other.scripts[ME] = [(200, JSON, USER)]
        archive.redirects[ME] = other.root + ME
        IsicClient(archive.base_url, token=SECRET).whoami()
        assert authorizations(other)[ME] is None
    archive.redirects[ME] = "/media/images/ISIC_0000001.jpg"
    with pytest.raises(errors.UnexpectedAnswerError):
        IsicClient(archive.base_url, token=SECRET, backoff=0).whoami()
    assert authorizations(archive)["/media/images/ISIC_0000001.jpg"] is None


def test_a_redirect_inside_the_api_keeps_the_token(archive):
    archive.redirects[ME] = "/api/v2/users/you/"
    archive.scripts["/api/v2/users/you/"] = [(200, JSON, USER)]
    IsicClient(archive.base_url, token=SECRET).whoami()
    assert authorizations(archive)["/api/v2/users/you/"] == f"Bearer {SECRET}"


def test_a_password_in_netrc_goes_nowhere(archive, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = IsicClient(archive.base_url)
    client.count()
    client.files.fetch(url(archive), text)
    assert set(authorizations(archive).values()) == {None}


def test_the_token_is_in_no_representation_and_no_message(archive):
    client = IsicClient(archive.base_url, token=SECRET)
    shown = f"{client!r} {client.session._http.auth!r} {vars(client)}"
    with pytest.raises(errors.TokenRefusedError) as refused:
        client.whoami()
    assert SECRET not in shown + str(refused.value)


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "tökèn"])
def test_a_token_that_cannot_be_one_is_refused_without_showing_it(token):
    with pytest.raises(errors.SettingsError) as refused:
        BearerToken(token, "https://example.org/api/v2/")
    assert not token.strip() or token not in str(refused.value)


def test_the_token_covers_only_what_is_below_the_base_url():
    token = BearerToken("t", "https://api.example.org/api/v2/")
    assert token.covers("https://api.example.org/api/v2/users/me/")
    for other in (
        "https://api.example.org/media/x.jpg",
        "https://api.example.org/api/v2/../../media/x.jpg",
        "https://api.example.org/api/v2/%2e%2e/%2e%2e/media/x.jpg",
        "https://api.example.org.evil.org/api/v2/",
        "http://api.example.org/api/v2/users/me/",
    ):
        assert not token.covers(other)
