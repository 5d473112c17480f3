"""The page on the web: what it serves, fetches, lets run in a browser, and whom it lets in."""

import http.server
import re
import socket
import threading
from zipfile import ZipFile

import pytest
import requests
from gradio.utils import get_upload_folder

from benchmarks.visitor import Visitor
from demo.access import HEADERS, Access, RateLimit
from tests.demo.pages import served

FILE = {"_type": "gradio.FileData"}
REFUSED = "Only files uploaded here are read"


@pytest.fixture(scope="module")
def visitor(address):
    return Visitor(address)


@pytest.fixture
def other_server():
    """A server that must not be asked; gives its address and the paths that were."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def asked_by_every_door(visitor, file):
    return [
        visitor.call([file, 50, None, None]),
        visitor.press("predict", [None, None, file, 50, "unknown", "unknown", 50]),
        visitor.press("batch-button", [[file], None]),
        visitor.press("batch-button", [None, file]),
    ]


@pytest.mark.parametrize("meta", [{}, {"meta": FILE}, {"meta": FILE, "is_stream": True}])
def test_no_file_of_the_server_is_read(visitor, photograph, meta):
    for path in (str(photograph), f"{visitor.upload(b'x')['path']}/../../../{photograph}"):
        for answer in asked_by_every_door(visitor, {"path": path} | meta):
            assert "data" not in answer


@pytest.mark.parametrize("meta", [{}, {"meta": FILE}])
def test_no_address_is_fetched(visitor, other_server, meta):
    url, asked = other_server
    for place in ({"path": f"{url}/a.jpg"}, {"path": "a.jpg", "url": f"{url}/a.jpg"}):
        for answer in asked_by_every_door(visitor, place | meta):
            assert "data" not in answer
    assert visitor.call([{"path": "https://example.com/a.jpg", **meta}] + [None] * 3)[
        "error"
    ].startswith(REFUSED)
    assert asked == []


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=app.py",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=demo/../../../../etc/passwd",
        "gradio_api/file=model/released/bundle.json",
        "gradio_api/file=http://127.0.0.1/",
        "gradio_api/proxy=http://127.0.0.1/",
        "gradio_api/deep_link?session_hash=x",
        "gradio_api/runs",
        "gradio_api/vibe-code/",
        "monitoring",
        "docs",
        "static/../../app.py",
        "assets/..%2f..%2fapp.py",
    ],
)
def test_nothing_but_the_page_and_its_uploads_is_served(address, path):
    answer = requests.get(address + path, timeout=10, allow_redirects=False)
    assert answer.status_code in (401, 403, 404, 405), answer.text[:200]


@pytest.mark.parametrize("name", ["a.jpg", "a.zip", "a.csv", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"image\n\xff\n", b"a,b\n"])
def test_no_answer_names_a_folder_of_the_server(visitor, photograph, name, content):
    file = visitor.upload(content, name)
    sound = visitor.upload(photograph.read_bytes())
    answers = [*asked_by_every_door(visitor, file), visitor.press("batch-button", [[sound], file])]
    assert get_upload_folder() not in str(answers)
    assert "Traceback" not in str(answers)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_other_sites_may_not_read_answers(address, origin):
    answer = requests.get(f"{address}config", headers={"Origin": origin}, timeout=10)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["", "config", "gradio_api/info", "theme.css", "no-such-page"])
def test_every_answer_bears_the_headers(address, path):
    found = requests.get(address + path, timeout=10).headers
    assert {name: found.get(name) for name in HEADERS} == HEADERS


def test_an_upload_is_not_kept_by_the_browser_and_never_shown_as_a_page(address, visitor):
    file = visitor.upload(b"<script>alert(1)</script>", "page.html")
    answer = requests.get(f"{address}gradio_api/file={file['path']}", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "html" not in answer.headers["Content-Type"]


def test_settings_that_keep_the_page_to_itself(address, visitor):
    config = visitor.config
    assert config["show_error"] is False
    assert config["analytics_enabled"] is False
    assert not config.get("is_space")
    assert "runs" not in config["footer_links"]
    versions = [int(number) for number in config["version"].split(".")[:2]]
    assert versions >= [6, 31]


def test_the_server_sends_no_telemetry(monkeypatch, photograph):
    asked, look_up = set(), socket.getaddrinfo

    def watched(host, *words, **options):
        asked.add(host)
        return look_up(host, *words, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    monkeypatch.delenv("GRADIO_ANALYTICS_ENABLED")  # which keeps other tests from asking
    with served() as address:
        visitor = Visitor(address)
        file = visitor.upload(photograph.read_bytes())
        assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])
    assert "127.0.0.1" in asked
    assert asked <= {"127.0.0.1", "localhost", "::1", "0.0.0.0", None, ""}


# --- texts that come back ---------------------------------------------------------------------

EVIL = "<img src=x onerror=document.title='broken'><script>document.title='broken'</script>"


@pytest.fixture(scope="module")
def page(window):
    window.said = []
    listeners = {
        "console": lambda message: window.said.append(message.text),
        "dialog": lambda dialog: window.said.append("dialog"),
    }
    for event, listener in listeners.items():
        window.on(event, listener)
    yield window
    for event, listener in listeners.items():
        window.remove_listener(event, listener)


def batch(page, address, images, table=None):
    page.goto(address)
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-images input[type=file]", images)
    page.locator("#batch-images").get_by_text("KB").first.wait_for()
    if table:
        page.set_input_files("#batch-metadata input[type=file]", table)
        page.locator("#batch-metadata").get_by_text("B").first.wait_for()
    page.locator("#batch-button").click()


def assert_nothing_ran(page):
    page.wait_for_timeout(300)
    assert page.title() == "Lesion in Context"
    assert page.locator("img[src=x]").count() == 0
    assert "dialog" not in page.said


def test_names_inside_a_zip_are_shown_as_text(page, address, tmp_path, photograph):
    path = tmp_path / "many.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{EVIL.replace('/', '')}.jpg", photograph.read_bytes())
        archive.writestr(f"{EVIL.replace('/', '')}2.jpg", b"damaged")
    batch(page, address, path)
    page.locator("#batch-said table").wait_for()
    page.locator("#batch-table").get_by_text("onerror").first.wait_for(state="attached")
    assert "onerror" in page.locator("#batch-said").inner_text()
    assert_nothing_ran(page)


@pytest.mark.parametrize(
    "table", [f"image,age_approx\nA,{EVIL}\n", f"{EVIL}\nA\n", f"image,sex\n{EVIL},x\n"]
)
def test_cells_of_a_table_in_an_error_are_shown_as_text(page, address, tmp_path, photograph, table):
    path = tmp_path / "context.csv"
    path.write_text(table)
    batch(page, address, photograph, path)
    page.locator(".toast-wrap").get_by_text("context.csv").first.wait_for()
    assert_nothing_ran(page)


def test_the_name_of_a_damaged_upload_is_shown_as_text(page, address, tmp_path):
    path = tmp_path / "<img src=x onerror=document.title='broken'>.jpg"
    path.write_bytes(b"damaged")
    page.goto(address)
    page.set_input_files("#image input[type=file]", path)
    page.locator("#image img").wait_for()
    page.locator("#predict").click()
    page.locator(".toast-wrap").get_by_text("cannot be read").first.wait_for()
    page.wait_for_timeout(300)
    assert page.title() == "Lesion in Context"


def test_the_policy_stops_what_would_send_data_elsewhere(page, address):
    page.goto(address)
    page.get_by_text("The network is ready").wait_for()
    assert not [text for text in page.said if "Content Security Policy" in text]
    sent = page.evaluate("fetch('https://example.com/').then(() => 'sent').catch(() => 'stopped')")
    assert sent == "stopped"
    assert [text for text in page.said if "Content Security Policy" in text]


# --- who may come in, and how often -----------------------------------------------------------


def test_with_a_login_nothing_is_answered_before_it():
    access = Access.from_environment({"LESION_LOGIN": "ann:correct-horse bob:b:c"})
    with served(access=access) as address:
        for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x"):
            assert requests.get(address + path, timeout=10).status_code == 401
        files = {"files": ("a.jpg", b"x")}
        assert requests.post(f"{address}gradio_api/upload", files=files).status_code == 401
        posted = requests.post(f"{address}gradio_api/call/predict", json={"data": []}, timeout=10)
        assert posted.status_code == 401
        for name, password, status in (
            ("ann", "wrong", 400),
            ("ann", "correct-horse", 200),
            ("bob", "b:c", 200),
        ):
            session = requests.Session()
            form = {"username": name, "password": password}
            assert session.post(f"{address}login", data=form, timeout=10).status_code == status
            assert session.get(f"{address}config", timeout=10).ok is (status == 200)


def test_with_a_rate_limit_too_many_requests_are_refused_with_the_time_to_wait():
    with served(access=Access(per_minute=3)) as address:
        files = {"files": ("a.jpg", b"x")}
        upload = f"{address}gradio_api/upload"
        found = [requests.post(upload, files=files, timeout=10) for _ in range(5)]
        assert [answer.status_code for answer in found] == [200, 200, 200, 429, 429]
        assert 1 <= int(found[-1].headers["Retry-After"]) <= 60
        assert "Wait" in found[-1].json()["detail"]
        assert requests.get(address, timeout=10).ok


def test_a_minute_later_the_address_may_ask_again_and_others_always_could():
    now = [0.0]
    limit = RateLimit(None, 2, clock=lambda: now[0])
    assert [limit.wait("a"), limit.wait("a"), limit.wait("a")] == [0, 0, 60]
    assert limit.wait("b") == 0
    now[0] = 58.6
    assert limit.wait("a") == 2  # who comes back after 1 would be refused again
    now[0] = 59.5
    assert limit.wait("a") == 1
    now[0] = 60.0
    assert limit.wait("a") == 0


def test_by_default_everybody_may_come_in_as_often_as_they_like():
    assert Access.from_environment({}) == Access((), None)
    assert (
        Access.from_environment({"LESION_LOGIN": " ", "LESION_REQUESTS_PER_MINUTE": ""}) == Access()
    )


@pytest.mark.parametrize("value", ["ann", "ann:", ":secret", "ann:secret bob"])
def test_a_malformed_login_is_refused_without_repeating_it(value):
    with pytest.raises(ValueError, match="LESION_LOGIN needs name:password") as caught:
        Access.from_environment({"LESION_LOGIN": value})
    assert not re.search("ann|secret", str(caught.value))


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "²"])
def test_a_malformed_rate_is_refused(value):
    with pytest.raises(ValueError, match="LESION_REQUESTS_PER_MINUTE is"):
        Access.from_environment({"LESION_REQUESTS_PER_MINUTE": value})
