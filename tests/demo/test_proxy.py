"""Page, Gradio's client and REST through the proxies of docs/proxy.md, with TLS and a path."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from gradio_client import Client, handle_file

from tests.demo.pages import served
from tests.documents import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text(encoding="utf-8")
(NGINX,), (CADDY,) = blocks(PAGE, "nginx"), blocks(PAGE, "caddyfile")
PATH = "/lesion"

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed one of localhost, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "localhost.pem", folder / "localhost.key"
    words = ["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
    words += ["-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    return made, key


@pytest.fixture(scope="module")
def page():
    """The port of a page that was started as the document says."""
    with pytest.MonkeyPatch.context() as patch:
        (variable,) = re.findall(r"^(\w+=\S+) python app\.py$", PAGE, re.MULTILINE)
        patch.setenv(*variable.split("="))
        with served() as address:
            yield re.search(r":(\d+)/", address)[1]


def changed(block, changes):
    """The document's block with what differs on this machine."""
    for said, here in changes.items():
        assert said in block, said
        block = block.replace(said, here)
    return block


def nginx_words(folder, port, page, certificate):
    made, key = certificate
    places = {
        **{"listen 443": f"listen 127.0.0.1:{port}", "example.org;": "localhost;"},
        **{"/etc/ssl/certs/example.org.pem": str(made), ":7860": f":{page}"},
        "/etc/ssl/private/example.org.key": str(key),
    }
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    root = "user root;" if os.geteuid() == 0 else ""
    around = f"{root} daemon off; pid {folder / 'pid'}; error_log {folder / 'log'}; events {{}}"
    server = f"access_log off; {temporary}\n{changed(NGINX, places)}"
    (folder / "nginx.conf").write_text(f"{around}\nhttp {{ {server} }}\n")
    return ["nginx", "-e", str(folder / "log"), "-c", str(folder / "nginx.conf")]


def caddy_words(folder, port, page, certificate):
    made, key = certificate
    here = f"https://localhost:{port} {{\n    tls {made} {key}"
    site = changed(CADDY, {"example.org {": here, ":7860": f":{page}"})
    around = "{\n    admin off\n    auto_https disable_redirects\n    grace_period 1s\n}\n"
    (folder / "Caddyfile").write_text(around + site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@contextmanager
def started(words, folder, port):
    """A proxy, until it listens and no longer than the test."""
    if shutil.which(words[0], path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"needs {words[0]}")
    home = {"HOME": str(folder), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    home |= {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "said").open("w") as said:
        proxy = subprocess.Popen(words, env=os.environ | home, stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert proxy.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        proxy.terminate()
        proxy.wait(10)


@pytest.fixture(scope="module", params=[nginx_words, caddy_words], ids=["nginx", "caddy"])
def proxy(request, page, certificate, tmp_path_factory):
    """The address of the page behind one of them."""
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    with started(request.param(folder, port, page, certificate), folder, port):
        yield f"https://localhost:{port}{PATH}"


@pytest.fixture
def trusted(certificate):
    """The file of the certificate that callers trust."""
    return str(certificate[0])


def test_the_page_and_what_it_loads_come_from_below_the_path(proxy, trusted):
    answer = requests.get(proxy, verify=trusted, timeout=20)
    assert (answer.status_code, answer.url) == (200, f"{proxy}/")
    assert f'"root":"{proxy}"' in answer.text.replace('": "', '":"')
    loaded = re.findall(r'(?:src|href)="((?:\.|/|https)[^"]*\.(?:js|css))"', answer.text)
    assert loaded
    for name in loaded:
        address = requests.compat.urljoin(f"{proxy}/", name)
        assert address.startswith(f"{proxy}/")
        assert requests.get(address, verify=trusted, timeout=20).status_code == 200


def test_rest_answers_a_photograph_of_some_megabytes(proxy, trusted, photograph):
    image = photograph.read_bytes() + bytes(3_000_000)  # more than proxies allow by themselves
    files, data = {"image": ("lesion.jpg", image)}, {"age": "55"}
    where = f"{proxy}/api/predict"
    answer = requests.post(where, files=files, data=data, verify=trusted, timeout=20)
    assert answer.json()["probabilities"]["MEL"] == pytest.approx(55 / 200)
    assert requests.get(f"{proxy}/api/health", verify=trusted, timeout=20).status_code == 200


def test_gradios_client_is_answered(proxy, trusted, photograph):
    context = ssl.create_default_context(cafile=trusted)
    client = Client(f"{proxy}/", ssl_verify=context, verbose=False)
    answer = client.predict(handle_file(photograph), 55, None, None, api_name="/predict")
    assert answer["probabilities"]["MEL"] == pytest.approx(55 / 200)
