"""A bundle goes to the Hub and comes back; what is wrong there is said; without it all works."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model.__main__ import main
from model.errors import BundleError
from model.inference.bundle import (
    MANIFEST_FILE,
    NETWORK_FILE,
    OOD_FILE,
    RELEASED,
    file_sha256,
    read_manifest,
    write_manifest,
)
from model.inference.hub import FILES, chosen_bundle, hub_card
from tests.fakes.hub import fake_hub, send_there

ROOT = Path(__file__).parents[3]
NOBODY = "http://127.0.0.1:9"  # who would answer for the Hub
NAMED = {"MODEL_ID": "ada/lesions"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with fake_hub() as server:
        send_there(monkeypatch, server.address, tmp_path / "hf")
        yield server


def run(hub, home, *arguments, **variables):
    """Run Python with the Hub at its fake address; gives what it said."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "MODEL_"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"} | variables
    words = [sys.executable, *map(str, arguments)]
    ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def push(small, monkeypatch):
    """Pushes the small bundle with a token; gives the exit status."""

    def go(token):
        monkeypatch.setenv("HF_TOKEN", token)
        return main(["push", "ada/lesions", "--bundle", str(small)])

    return go


@pytest.fixture
def small(tmp_path):
    """A bundle whose network is a few bytes; nothing here loads it."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / NETWORK_FILE).write_bytes(b"network")
    write_detector(bundle, b"detector")
    return bundle


def write_detector(bundle, content):
    """Write what stands for the detector, and the manifest of a bundle that has nothing else."""
    (bundle / OOD_FILE).write_bytes(content)
    files = {name: file_sha256(bundle / name) for name in (NETWORK_FILE, OOD_FILE)}
    write_manifest(bundle, replace(read_manifest(RELEASED), files=files))


def contents(bundle):
    return {name: (bundle / name).read_bytes() for name in FILES if (bundle / name).exists()}


@pytest.mark.slow
def test_what_was_pushed_is_what_is_served(hub, small, tmp_path):
    words = ("-m", "model", "push", "ada/lesions", "--bundle", small)
    said = run(hub, tmp_path / "pushing", *words, HF_TOKEN="hf_right")
    settings = dict(line.split("=") for line in said.splitlines() if "=" in line)
    code = "import os, model.inference.hub as hub; print(hub.chosen_bundle(os.environ))"
    served = Path(run(hub, tmp_path / "serving", "-c", code, **settings).splitlines()[-1])
    assert served != RELEASED
    assert contents(served) == contents(small)


def test_a_push_brings_the_card_with_its_licence_and_nothing_else(hub, push, small):
    (small / "notes.txt").write_text("private")
    assert push("hf_right") == 0
    _, files = hub.files("ada/lesions", "main")
    assert set(files) == {*contents(small), "README.md"}
    card = files["README.md"].decode()
    assert card.startswith("---\nlicense: cc-by-nc-4.0\n")
    assert "](../" not in card


def test_a_push_without_the_right_token_is_one_clear_line(hub, push, capsys):
    assert push("hf_wrong") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the Hub did not take the bundle for 'ada/lesions'")
    assert "HF_TOKEN" in said
    assert hub.repositories == {}


def test_a_bundle_with_another_network_is_not_pushed(hub, push, small, capsys):
    (small / NETWORK_FILE).write_bytes(b"another")
    assert push("hf_right") == 1
    assert "SHA-256" in capsys.readouterr().err
    assert hub.tokens == []


def test_a_bundle_that_lacks_a_file_is_not_pushed(hub, push, small, capsys):
    (small / OOD_FILE).unlink()
    assert push("hf_right") == 1
    said = capsys.readouterr().err
    assert f"{OOD_FILE} is missing, but {MANIFEST_FILE} names it" in said
    assert hub.tokens == []


def test_a_revision_is_served_even_after_main_has_moved_on(hub, small):
    first = hub.commit("ada/lesions", contents(small))
    write_detector(small, b"later")
    hub.commit("ada/lesions", contents(small))
    served = chosen_bundle(NAMED | {"MODEL_REVISION": first})
    assert (served / OOD_FILE).read_bytes() == b"detector"
    newest = chosen_bundle(NAMED)
    assert (newest / OOD_FILE).read_bytes() == b"later"


def test_a_bundle_whose_hash_is_wrong_is_refused_not_replaced(hub, small):
    hub.commit("ada/lesions", contents(small) | {NETWORK_FILE: b"exchanged"})
    with pytest.raises(BundleError, match="SHA-256"):
        chosen_bundle(NAMED)


@pytest.mark.parametrize(
    ("name", "revision"), [("ada/other", "main"), ("ada/lesions", "v9"), ("a/b/c", "main")]
)
def test_a_wrong_name_is_refused_with_what_to_set(name, revision, hub, small):
    hub.commit("ada/lesions", contents(small))
    with pytest.raises(BundleError, match=r"^the Hub has no public repository .*MODEL_REVISION"):
        chosen_bundle({"MODEL_ID": name, "MODEL_REVISION": revision})


def test_while_the_hub_is_unreachable_the_shipped_bundle_serves(monkeypatch, tmp_path, caplog):
    send_there(monkeypatch, NOBODY, tmp_path)
    assert chosen_bundle(NAMED) == RELEASED
    assert "the shipped network serves" in caplog.text


def test_what_was_fetched_before_serves_while_the_hub_is_unreachable(
    hub, small, monkeypatch, tmp_path
):
    named = NAMED | {"MODEL_REVISION": hub.commit("ada/lesions", contents(small))}
    fetched = chosen_bundle(named)
    assert fetched != RELEASED
    send_there(monkeypatch, NOBODY, tmp_path / "hf")
    assert chosen_bundle(named) == fetched


def test_without_a_name_the_shipped_bundle_serves():
    assert chosen_bundle({}) == RELEASED


def test_links_into_the_project_become_text_on_the_hub():
    card = "see [a file](../model/x.json) and [a site](https://example.org)"
    assert hub_card(card).endswith("see a file and [a site](https://example.org)")
