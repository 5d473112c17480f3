"""The page's texts: every entry in its place, and everything put into HTML escaped."""

import json
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError

import demo.texts
from demo.prediction import Melanoma, Prediction, prediction_html
from demo.tabs.data import SUMMARY, data_html
from demo.templates import Templates
from demo.texts import LANGUAGES, load_texts
from model.inference.bundle import RELEASED, read_manifest
from model.patient import FIELDS, UNKNOWN, YES_NO, ChoiceField, NumberField, Patient
from model.tasks import TASKS
from tests.demo.pages import interval

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
        "words",
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


def entries(content, place=""):
    """Every text of a file: its place → itself."""
    if isinstance(content, str | bool):
        return {place: content}
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    return {
        key: text for name, part in pairs for key, text in entries(part, f"{place}.{name}").items()
    }


def read(language):
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def placeholders(text):
    return sorted(f"{name}:{how}" for _, name, how, _ in Formatter().parse(text) if name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_text_with_the_same_placeholders(language):
    english, translated = read("en"), read(language)
    english.pop("words"), translated.pop("words")  # by the test below
    known, found = entries(english), entries(translated)
    assert found.keys() == known.keys()
    differing = [
        k
        for k in known.keys() - {".language.reviewed"}
        if placeholders(found[k]) != placeholders(known[k])
    ]
    assert differing == []
    assert [key for key, text in found.items() if text == ""] == []
    assert load_texts(language).language.code == language


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_language_has_a_word_for_every_diagnosis_value_and_group(language):
    terms = {name for task in TASKS.values() for name in task.classes.values()}
    terms |= {field.name for field in FIELDS} | {UNKNOWN, *YES_NO}
    terms |= {field.unit for field in FIELDS if isinstance(field, NumberField)}
    terms |= {word for field in FIELDS if isinstance(field, ChoiceField) for word in field.words}
    groups = json.loads(SUMMARY.read_text(encoding="utf-8"))["groups"].values()
    terms |= {name for group in groups for name in group if not name[0].isdigit() or " " in name}
    assert set(load_texts(language).words) == terms


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_no_speaker_has_reviewed_is_in_english_too_where_it_matters(language):
    english, texts = load_texts(), load_texts(language)
    for reviewed in (False, True):
        one = replace(texts, language=replace(texts.language, reviewed=reviewed))
        templates = Templates(one)
        said = templates.render("notice") + templates.render(
            "melanoma",
            melanoma=Melanoma(0.053, 0.1, interval(0.1)),
            prediction=SimpleNamespace(is_ood=False),
        )
        assert texts.page.notice in said
        assert texts.melanoma.no_exclusion in said
        beside = [english.page.notice, "Melanoma 5.3 %.", english.melanoma.no_exclusion]
        beside += [texts.language.not_reviewed]
        assert [text in said for text in beside] == [not reviewed] * len(beside)
        assert ('<p lang="en">' in said) is not reviewed


@pytest.mark.parametrize(("language", "shown"), [("en", "25,331"), ("ru", "25\xa0331")])
def test_thousands_are_set_apart_as_the_language_does(language, shown):
    texts = load_texts(language)
    assert texts.count(25331) == shown
    data = data_html({}, json.loads(SUMMARY.read_text(encoding="utf-8")), Templates(texts))
    assert shown in data
    assert (re.search(r"\d,\d{3}", data) is None) is (language != "en")


def test_figures_have_the_decimal_mark_and_the_percent_sign_of_the_language(measured_prediction):
    russian, english = (measured_prediction(language) for language in ("ru", "en"))
    assert "5,3\xa0%" in russian
    assert not re.search(r">[^<]*\d\.\d", russian.split('lang="en"')[0])
    assert "5.3 %" in english
    assert "\xa0%" not in english


@pytest.fixture
def measured_prediction():
    """The answer to a photograph in a language, with what is drawn of the change."""
    manifest = read_manifest(RELEASED)
    rest = dict.fromkeys(manifest.codes[1:], 0.947 / 7)

    def shown(language):
        prediction = Prediction(
            Patient(age=55.5), {"MEL": 0.0534} | rest, {"MEL": 0.0212} | rest, ("MEL",), 0.5, ()
        )
        templates = Templates(load_texts(language))
        answer = prediction_html(prediction, manifest, templates)
        return answer + templates.render("contributions", points={"a": 1.25}, heading="h")

    return shown


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_translation_has_no_percent_sign_that_can_stand_on_a_line_of_its_own(language):
    texts = entries({k: v for k, v in read(language).items() if k != "words"})
    assert [k for k, t in texts.items() if isinstance(t, str) and re.search(r"\d %", t)] == []
