"""A bundle goes to the Hub and comes back; what is wrong there is said; without it all works.

Each call that may ask runs in a process of its own, as the Hub's client reads its environment once.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.prediction.bundle import MANIFEST_FILE, NETWORK_FILE, RELEASED, UNKNOWN_FILE, file_sha256
from model.prediction.hub import FILES, chosen_bundle, hub_card
from tests.fake_hub import fake_hub

ROOT = Path(__file__).parents[1]
CHOOSE = (
    "import os; from model.prediction.hub import chosen_bundle; print(chosen_bundle(os.environ))"
)


@pytest.fixture
def hub():
    with fake_hub() as server:
        yield server


@pytest.fixture
def run(hub, tmp_path):
    """Runs Python with the Hub at its fake address; gives the finished process."""

    def go(*arguments, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "MODEL_"))}
        environment |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")}
        environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"} | variables
        words = [sys.executable, *map(str, arguments)]
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)

    return go


@pytest.fixture
def small(tmp_path):
    """A bundle whose network is a few bytes; nothing here loads it."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / NETWORK_FILE).write_bytes(b"network")
    (bundle / UNKNOWN_FILE).write_bytes(b"unknown")
    manifest = json.loads((RELEASED / MANIFEST_FILE).read_text(encoding="utf-8"))
    manifest["network_sha256"] = file_sha256(bundle / NETWORK_FILE)
    (bundle / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")
    return bundle


def contents(bundle):
    return {name: (bundle / name).read_bytes() for name in FILES if (bundle / name).exists()}


def chosen(finished):
    assert finished.returncode == 0, finished.stderr
    return Path(finished.stdout.splitlines()[-1])


def test_what_was_pushed_is_what_is_served(hub, run, small):
    push = run("-m", "model", "push", "ada/lesions", "--bundle", small, HF_TOKEN="hf_right")
    assert push.returncode == 0, push.stderr
    settings = dict(line.split("=") for line in push.stdout.splitlines() if "=" in line)
    served = chosen(run("-c", CHOOSE, **settings))
    assert served != RELEASED
    assert contents(served) == contents(small)


def test_a_push_brings_the_card_with_its_licence_and_nothing_else(hub, run, small):
    (small / "notes.txt").write_text("private")
    run("-m", "model", "push", "ada/lesions", "--bundle", small, HF_TOKEN="hf_right")
    _, files = hub.files("ada/lesions", "main")
    assert set(files) == {*contents(small), "README.md"}
    card = files["README.md"].decode()
    assert card.startswith("---\nlicense: cc-by-nc-4.0\n")
    assert "](../" not in card


def test_a_push_without_the_right_token_is_one_clear_line(hub, run, small):
    push = run("-m", "model", "push", "ada/lesions", "--bundle", small, HF_TOKEN="hf_wrong")
    assert push.returncode == 1
    assert push.stderr.startswith("error: the Hub did not take the bundle for 'ada/lesions'")
    assert "HF_TOKEN" in push.stderr
    assert hub.repositories == {}


def test_a_bundle_with_another_network_is_not_pushed(hub, run, small):
    (small / NETWORK_FILE).write_bytes(b"another")
    push = run("-m", "model", "push", "ada/lesions", "--bundle", small, HF_TOKEN="hf_right")
    assert push.returncode == 1
    assert "SHA-256" in push.stderr
    assert hub.tokens == []


def test_a_revision_is_served_even_after_main_has_moved_on(hub, run, small):
    first = hub.commit("ada/lesions", contents(small))
    (small / UNKNOWN_FILE).write_bytes(b"later")
    hub.commit("ada/lesions", contents(small))
    served = chosen(run("-c", CHOOSE, MODEL_ID="ada/lesions", MODEL_REVISION=first))
    assert (served / UNKNOWN_FILE).read_bytes() == b"unknown"
    newest = chosen(run("-c", CHOOSE, MODEL_ID="ada/lesions"))
    assert (newest / UNKNOWN_FILE).read_bytes() == b"later"


def test_a_bundle_whose_hash_is_wrong_is_refused_not_replaced(hub, run, small):
    hub.commit("ada/lesions", contents(small) | {NETWORK_FILE: b"exchanged"})
    finished = run("-c", CHOOSE, MODEL_ID="ada/lesions")
    assert finished.returncode == 1
    assert "BundleError" in finished.stderr
    assert "SHA-256" in finished.stderr


def test_a_wrong_name_is_refused_with_what_to_set(hub, run, small):
    hub.commit("ada/lesions", contents(small))
    code = """
from model.errors import BundleError
from model.prediction.hub import chosen_bundle
for name, revision in (("ada/other", "main"), ("ada/lesions", "v9"), ("a/b/c", "main")):
    try:
        print(chosen_bundle({"MODEL_ID": name, "MODEL_REVISION": revision}))
    except BundleError as error:
        print(error)
"""
    lines = run("-c", code).stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("the Hub has no public repository") for line in lines), lines
    assert all("MODEL_REVISION" in line for line in lines)


def test_while_the_hub_is_unreachable_the_shipped_bundle_serves(run):
    finished = run("-c", CHOOSE, MODEL_ID="ada/lesions", HF_ENDPOINT="http://127.0.0.1:9")
    assert chosen(finished) == RELEASED
    assert "the shipped network serves" in finished.stderr


def test_what_was_fetched_before_serves_while_the_hub_is_unreachable(hub, run, small):
    commit = hub.commit("ada/lesions", contents(small))
    named = {"MODEL_ID": "ada/lesions", "MODEL_REVISION": commit}
    fetched = chosen(run("-c", CHOOSE, **named))
    assert chosen(run("-c", CHOOSE, **named, HF_ENDPOINT="http://127.0.0.1:9")) == fetched


def test_without_a_name_the_shipped_bundle_serves():
    assert chosen_bundle({}) == RELEASED


def test_links_into_the_project_become_text_on_the_hub():
    card = "see [a file](../model/x.json) and [a site](https://example.org)"
    assert hub_card(card).endswith("see a file and [a site](https://example.org)")
