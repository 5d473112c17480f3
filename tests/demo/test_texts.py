"""The page's texts: every entry in its place, and everything put into HTML escaped."""

import re
import shutil
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import demo.texts
from demo.templates import Templates
from demo.texts import load_texts

FOLDER = Path(demo.texts.__file__).parent


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "texts")


def change(folder, old, new):
    file = folder / "en.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_entries_that_are_missing_or_unknown_are_named_all_at_once(folder):
    change(folder, "clear = ", "clean = ")
    change(folder, 'title = "Privacy"', 'heading = "Privacy"')
    with pytest.raises(ValueError, match=r"^en\.toml does not fit") as caught:
        load_texts(folder=folder)
    said = str(caught.value)
    for problem in ("add inputs.clear", "remove inputs.clean", "about.parts.3.title"):
        assert problem in said


def test_an_entry_of_another_kind_is_named(folder):
    change(folder, 'predict = "Predict"\nclear', "predict = 3\nclear")
    with pytest.raises(ValueError, match=r"inputs\.predict is of another kind"):
        load_texts(folder=folder)


def test_every_text_is_used():
    sources = [path for path in FOLDER.parent.rglob("*") if path.suffix in (".py", ".html")]
    code = "\n".join(p.read_text(encoding="utf-8") for p in sources if p.parent != FOLDER)
    by_key = {
        "fields",
        "notices",
        "quality",
        "status",
        "model",
    }  # some entries of which a value chooses
    unused = [
        f"{section}.{name}"
        for section, content in vars(load_texts()).items()
        if section not in by_key
        for name in vars(content)
        if not re.search(rf"\.{name}\b", code)
    ]
    assert unused == []


def test_a_template_escapes_what_it_is_given_and_misses_nothing():
    templates = Templates(load_texts())
    assert templates.render("paragraph", text="<b>", kind='"') == '<p class="&#34;">&lt;b&gt;</p>'
    with pytest.raises(UndefinedError, match="text"):
        templates.render("paragraph")
