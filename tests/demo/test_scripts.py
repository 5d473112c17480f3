"""What the page's own scripts do in the browser: files from anywhere, fields and announcements."""

import base64

import pytest

from tests.demo.pages import add_photograph, open_page, predict, resize

HAND_OVER = """([kind, place, content, name, type]) => {
  const carried = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0));
  carried.items.add(new File([bytes], name, {type}));
  const event = kind === 'paste'
    ? new ClipboardEvent('paste', {clipboardData: carried, bubbles: true, cancelable: true})
    : new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true});
  document.querySelector(place).dispatchEvent(event);
  return event.defaultPrevented;
}"""
"""Pastes or drops a file; gives whether the browser was kept from opening it."""


@pytest.fixture
def page(window, address):
    resize(window, 1280)
    open_page(window, address)
    return window


def hand_over(page, kind, place, file, *, name="lesion.jpg", type_="image/jpeg"):
    content = base64.b64encode(file.read_bytes()).decode()
    return page.evaluate(HAND_OVER, [kind, place, content, name, type_])


@pytest.mark.parametrize(
    ("kind", "place"), [("paste", "body"), ("paste", "#age input"), ("drop", "#notice")]
)
def test_a_photograph_pasted_or_dropped_anywhere_is_taken(page, photograph, kind, place):
    assert hand_over(page, kind, place, photograph)
    page.locator("#image img").wait_for()
    predict(page)


def test_a_photograph_dropped_on_another_takes_its_place(page, photograph):
    add_photograph(page, photograph)
    before = page.locator("#image img").get_attribute("src")
    assert hand_over(page, "drop", "#image img", photograph, name="second.jpg")
    page.wait_for_function(
        "before => ![before, null].includes(document.querySelector('#image img')?.src ?? null)",
        arg=before,
    )


def test_a_photograph_pasted_on_another_tab_shows_where_it_went(page, photograph):
    page.get_by_role("tab", name="About").click()
    hand_over(page, "paste", "body", photograph)
    page.locator("#image img").wait_for()
    assert page.get_by_role("tab", name="Predict").get_attribute("aria-selected") == "true"


def test_words_that_are_pasted_are_left_to_the_field(page):
    assert not page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.setData('text/plain', '60');
          const event = new ClipboardEvent(
            'paste', {clipboardData: carried, bubbles: true, cancelable: true});
          document.querySelector('#age input').dispatchEvent(event);
          return event.defaultPrevented;
        }"""
    )


def test_a_file_without_a_photographs_suffix_is_read_as_dicom(page, photograph):
    hand_over(page, "drop", "#notice", photograph, name="IM000001", type_="")
    page.locator("#image img").wait_for()


@pytest.mark.parametrize(("group", "name"), [("sex", "Sex"), ("site", "Anatomical site")])
def test_arrow_keys_move_within_one_named_group(page, group, name):
    names = page.locator(f"#{group} input").evaluate_all("all => all.map(one => one.name)")
    assert len(set(names)) == 1
    assert page.get_by_role("radiogroup", name=name, exact=True).count() == 1
    page.locator(f"#{group} input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    second = page.locator(f"#{group} input").nth(1)
    assert second.is_checked()
    assert second.evaluate("one => one === document.activeElement")


def test_enter_in_the_age_predicts_with_the_choices_made_by_arrow_keys(page, photograph):
    add_photograph(page, photograph)
    page.locator("#sex input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.locator("#age input").fill("80")
    page.locator("#age input").press("Enter")
    page.locator("#result caption", has_text="age 80, male").wait_for()


def test_the_answer_is_announced_in_a_region_that_was_there_before(page, photograph):
    region = page.locator("#announced")
    assert region.get_attribute("role") == "status"
    assert region.inner_text() == ""
    add_photograph(page, photograph)
    predict(page)
    page.wait_for_function("document.querySelector('#announced').innerText.includes('Melanoma')")
    assert "Likely" in region.inner_text()


def test_from_predict_to_the_reasons_are_three_tabs(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    page.locator("#predict").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#reasons [role=tablist]') !== null")


def test_the_examples_are_one_stop_in_which_arrow_keys_move(page):
    page.locator("#examples button").first.focus()
    page.keyboard.press("ArrowRight")
    second = page.locator("#examples button").nth(1)
    assert second.evaluate("one => one === document.activeElement")
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.closest('.examples')")
