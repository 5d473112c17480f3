"""A page per language from one process, each with its own words, address and document."""

import base64

import pytest
import requests

from demo.access import Access
from demo.texts import LANGUAGES, load_texts
from model.diagnosis import DIAGNOSIS_NAMES
from tests.demo.pages import (
    add_photograph,
    assert_fits_and_axe_finds_nothing,
    open_page,
    resize,
    served,
)

LANGUAGE_OF_DOCUMENT = "document.documentElement.lang"
SAID_BY_GRADIO = {"ru": "Использовать через API", "kk": "Use via API", "en": "Use via API"}


def open_language(page, address, language):
    page.goto(f"{address}{language}")
    page.get_by_text(load_texts(language).status.ready).wait_for()


@pytest.fixture
def answered(window, address, photograph):
    """The Russian page with the answer to a photograph."""
    resize(window, 1280)
    open_language(window, address, "ru")
    add_photograph(window, photograph)
    window.locator("#age input").fill("80")
    window.locator("#sex").get_by_label("женский").check()
    window.locator("#site").get_by_label("голова/шея").check()
    window.locator("#predict").click()
    window.locator("table.bars").wait_for()
    return window


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_page_is_in_its_language_as_a_whole(window, address, language):
    texts = load_texts(language)
    open_language(window, address, language)
    window.get_by_text(SAID_BY_GRADIO[language]).wait_for()
    assert window.evaluate(LANGUAGE_OF_DOCUMENT) == language
    assert window.title() == window.locator("h1").inner_text() == texts.page.title
    tabs = window.get_by_role("tab").all_inner_texts()
    assert [texts.tabs.predict, texts.tabs.about] == [tabs[0], tabs[6]]
    assert window.locator("#notice [lang=en]").first.inner_text() == load_texts().page.notice


def test_two_visitors_see_two_languages_at_the_same_time(window, address):
    other = window.context.browser.new_page()
    try:
        open_language(window, address, "ru")
        open_page(other, address)
        for page, language in ((window, "ru"), (other, "en")):
            page.reload()
            page.get_by_text(load_texts(language).status.ready).wait_for()
            assert page.evaluate(LANGUAGE_OF_DOCUMENT) == language
            assert page.locator("#predict").inner_text() == load_texts(language).inputs.predict
    finally:
        other.close()


def test_the_chooser_leads_from_any_page_to_any(window, address):
    open_page(window, address)
    for language in ("kk", "ru", "en"):
        chooser = window.locator("#head nav")
        chooser.get_by_role("link", name=load_texts(language).language.name).click()
        window.get_by_text(load_texts(language).status.ready).wait_for()
        assert window.evaluate(LANGUAGE_OF_DOCUMENT) == language
        current = window.locator("#head nav [aria-current]").inner_text()
        assert current == load_texts(language).language.name


def test_a_translated_page_predicts_by_the_challenges_values_and_keeps_the_english_names(
    answered,
):
    texts = load_texts("ru")
    caption = answered.locator("#result caption").inner_text()
    assert "возраст 80, женский, голова/шея" in caption
    for code, name in DIAGNOSIS_NAMES.items():
        row = answered.locator(f"tr[data-class={code}] th").inner_text()
        assert [part in row for part in (texts.word(name), code, name)] == [True] * 3
    assert answered.locator("tr[data-class=MEL] td.value").inner_text() == "40,0\xa0%"
    melanoma = answered.locator(".melanoma").all_inner_texts()
    assert [text[:8] for text in melanoma] == ["Меланома", "Melanoma"]


def test_the_report_of_a_translated_page_says_its_language(answered):
    answered.get_by_role("tab", name="Отчёт").click()
    link = answered.locator("a[download$='.html']").first.get_attribute("href")
    report = base64.b64decode(link.partition("base64,")[2]).decode()
    assert '<html lang="ru">' in report
    assert load_texts("ru").page.notice in report
    assert load_texts().page.notice in report


@pytest.mark.parametrize("width", [1280, 360])
def test_a_translated_page_fits_and_axe_finds_nothing(answered, axe, width):
    resize(answered, width)
    assert_fits_and_axe_finds_nothing(answered, axe, f"predict-ru-{width}")


def test_with_a_log_in_one_is_enough_for_all_languages():
    with served(access=Access((("ada", "secret"),))) as address:
        visitor = requests.Session()
        refused = visitor.get(f"{address}ru/")
        assert '<html\n\tlang="ru"' in refused.text
        assert load_texts("ru").inputs.predict not in refused.text
        login = {"username": "ada", "password": "secret"}
        assert visitor.post(f"{address}login", data=login).ok
        for language in LANGUAGES[1:]:
            page = visitor.get(f"{address}{language}/")
            assert page.url == f"{address}{language}"
            assert load_texts(language).inputs.predict in page.text


def test_below_a_proxys_path_the_address_with_a_slash_leads_to_the_page():
    with served() as address:
        answer = requests.get(f"{address}ru/", allow_redirects=False)
        assert answer.headers["Location"] == "../ru"
