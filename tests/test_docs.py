"""What the documents say is so: links lead somewhere, commands exist, examples run."""

import contextlib
import functools
import importlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from demo.rest import CODES
from isic_api.cli import parser
from isic_api.query import check
from model.__main__ import COMMANDS
from model.inference.bundle import RELEASED, read_manifest
from model.training.settings import FUSIONS
from tests.demo.pages import served
from tests.documents import blocks
from tests.drawings import draw_lesion

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ISIC_API = next(action.choices for action in parser()._actions if action.choices)
FOR_USERS = [path for path in DOCUMENTS if path.name == "README.md" or path.parent != ROOT]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def commands(documents=DOCUMENTS):
    found = set()
    for document in documents:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        found |= set(re.findall(r"python -m (?:model|isic_api) [a-z0-9-]+[^`\n#|]*", text))
    return sorted({line.rstrip(" .,;") for line in found})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []


@functools.cache
def help_of(package, command):
    main = importlib.import_module(f"{package}.__main__").main
    text = io.StringIO()
    for flag in ("--help", "--help-settings"):
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            main([command, flag])
    return text.getvalue()


@pytest.mark.parametrize("line", commands())
def test_every_command_line_in_the_documents_is_understood(line):
    package, command, *rest = line.removeprefix("python -m ").split()
    help_text = help_of(package, command)
    assert "usage" in help_text
    assert [w for w in rest if w.startswith("--") and w.split("=")[0] not in help_text] == []
    if package == "isic_api" and rest:
        options = parser().parse_args(shlex.split(line)[3:])
        check(getattr(options, "query", ""))


@pytest.mark.parametrize(("package", "existing"), [("model", COMMANDS), ("isic_api", ISIC_API)])
def test_every_command_is_documented(package, existing):
    words = [line.split()[2:4] for line in commands(FOR_USERS)]
    assert set(existing) - {name for of, name in words if of == package} == set()


def test_every_fusion_is_documented():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert set(FUSIONS) - set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder of somebody who tries the examples of docs/api.md."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "photos").mkdir()
    for n in range(3):
        draw_lesion(n, seed=n).save(folder / "photos" / f"lesion_{n}.jpg")
    (folder / "photos" / "notes.jpg").write_text("no photograph")
    shutil.copy(folder / "photos" / "lesion_0.jpg", folder / "lesion.jpg")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """Runs a block of docs/api.md against a page of the tests; gives what it printed."""
    with served() as address:

        def go(block, *command):
            block = block.replace("http://127.0.0.1:7860", address.rstrip("/"))
            words = [*command, block]
            return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)

        yield lambda *arguments: go(*arguments).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_with_curl_run(run):
    rest, gradio = blocks(API, "sh")
    answer, health = run(rest, "bash", "-euc").replace("}{", "}\n{").splitlines()
    assert json.loads(answer)["probabilities"]["MEL"] == pytest.approx(55 / 200)
    assert json.loads(health)["status"] == "ready"
    event = run(gradio, "bash", "-euc")
    assert event.startswith("event: complete")
    assert json.loads(event.partition("data:")[2])[0]["probabilities"]["MEL"] == pytest.approx(
        55 / 200
    )


@pytest.mark.slow
def test_the_examples_for_gradios_client_run(run, folder):
    one, many = blocks(API, "python")
    assert run(one, sys.executable, "-c").splitlines()[-1].startswith("{'MEL': 0.27")
    assert "notes.jpg" in run(many, sys.executable, "-c")
    rows = (folder / "answers.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["image", "lesion_0", "lesion_1", "lesion_2"]


def test_every_code_and_key_of_the_endpoint_is_documented():
    documented = set(re.findall(r"`(\w+)`", API))
    assert set(CODES) - documented == set()


def test_the_citation_and_the_changelog_name_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_modules_of_the_architecture_page_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    dotted = re.findall(r"`((?:model|demo|isic_api)\.[a-z_]+)`", text)
    rows = re.findall(r"^\| `(model/\w*)(?:\*\.py)?`[^|]*\|(.*?)\|", text, re.MULTILINE)
    named = {name.replace(".", "/") for name in dotted} | {folder for folder, _ in rows}
    named |= {f"{folder}/{word}" for folder, does in rows for word in re.findall(r"`(\w+)`", does)}
    assert len(named) > 20
    assert [n for n in named if not (ROOT / n).is_dir() and not (ROOT / f"{n}.py").exists()] == []
    page, glossary = text.split("## Glossary")
    assert len(page.splitlines()) < 60  # one screen
    assert 35 <= glossary.count("\n| ") <= 50


def test_licences_of_code_network_and_data_stand_apart():
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    assert (ROOT / "LICENSE").read_text().strip().startswith("Apache License")
    for words in ("| Code,", "| The shipped network", "| Photographs and tables"):
        assert words in text
    assert read_manifest(RELEASED).licence in text
