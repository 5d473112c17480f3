"""The tray of cases as a visitor meets it, in headless Chromium."""

from zipfile import ZipFile

import pytest

from model.data.dataset import read_folder
from tests.demo.pages import (
    LOOKS,
    add_photograph,
    assert_fits_and_axe_finds_nothing,
    open_page,
    predict,
    resize,
)

TRANSFORMS = "images => images.map(image => image.style.transform)"


def open_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def ask(page, age):
    page.locator("#age input").fill(age)
    page.get_by_role("button", name="Predict").click()
    page.get_by_text(f"Probability of each diagnosis, with age {age}").wait_for()


def enter(page, **texts):
    for name, text in texts.items():
        page.locator(f"#case-{name}").get_by_role("textbox").fill(text)


def with_two_cases(page, address, photograph):
    """Of one photograph with two ages; the Cases tab is open."""
    open_page(page, address)
    add_photograph(page, photograph)
    predict(page)
    for number, age in enumerate(("40", "80"), 1):
        ask(page, age)
        assert page.locator("#kept").inner_text().strip() == ""  # of the answer before
        page.locator("#keep").click()
        page.get_by_text(f"Added as case {number}").wait_for()
    open_tab(page, "Cases")


@pytest.fixture
def page(window, address, photograph):
    resize(window, 1280)
    with_two_cases(window, address, photograph)
    return window


def test_cases_are_marked_compared_and_exported(page, tmp_path):
    cases = page.locator("#tray button")
    assert "kept until" in cases.nth(0).inner_text()
    cases.nth(0).click()
    page.locator(".viewer img").wait_for()
    enter(page, label="before", lesion="1")
    page.locator("#case-diagnosis label", has_text="Melanoma").click()
    cases.nth(1).press("Enter")  # without Save
    page.locator(".viewer img").nth(1).wait_for()
    assert cases.nth(1).evaluate("button => button === document.activeElement")
    assert "before" in cases.nth(0).inner_text()
    enter(page, lesion="1")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("Together (2 photographs)").wait_for()
    row = page.locator("#viewer tr", has=page.get_by_role("rowheader", name="Melanoma"))
    assert row.locator("td").all_inner_texts() == ["20.0 %", "40.0 %", "+20.0 pp", "29.0 %"]
    page.locator("#case-export").click()
    page.get_by_text("with a confirmed diagnosis: 1; left out of the ground truth: 1").wait_for()
    with page.expect_download() as waiting:
        page.locator("#case-file").click()
    waiting.value.save_as(tmp_path / "cases.zip")
    with ZipFile(tmp_path / "cases.zip") as archive:
        archive.extractall(tmp_path)
    table = read_folder(tmp_path / "lesion-cases").table
    (row,) = table[["lesion_id", "age_approx", "diagnosis"]].to_dict("records")
    assert row == {"lesion_id": "lesion-1", "age_approx": 40, "diagnosis": "MEL"}
    page.get_by_role("button", name="Remove case").click()
    page.locator("#case-file").wait_for(state="hidden")  # it would hold the removed one
    assert cases.count() == 1


def test_two_photographs_are_zoomed_and_moved_in_step(page):
    for number in range(2):
        page.locator("#tray button").nth(number).click()
        page.locator(".viewer img").nth(number).wait_for()
    images, seen = page.locator(".viewer img"), []

    def look():
        first, second = images.evaluate_all(TRANSFORMS)
        assert first == second
        assert first not in seen
        seen.append(first)

    page.locator(".viewer").focus()
    for key in ("+", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        look()
    box = page.locator(".frame").nth(1).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    look()
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1] + 30)
    page.mouse.up()
    look()
    page.get_by_role("button", name="Zoom out").click()
    look()
    page.get_by_role("button", name="Reset", exact=True).click()
    assert set(images.evaluate_all(TRANSFORMS)) == {"scale(1) translate(0%, 0%)"}


def test_a_lesion_of_two_patients_is_refused_with_the_next_step(page):
    page.locator("#tray button").nth(0).click()
    page.locator(".viewer img").wait_for()
    enter(page, lesion="1", patient="A")
    page.locator("#tray button").nth(1).click()
    page.locator(".viewer img").nth(1).wait_for()
    enter(page, lesion="1", patient="B")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("Lesion 1 would belong to two patients: A / B").wait_for()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_tray_fits_and_axe_finds_nothing_beyond_gradios_own(
    window, address, axe, photograph, width, theme
):
    resize(window, width)
    with_two_cases(window, f"{address}?__theme={theme}", photograph)
    for number in range(2):
        window.locator("#tray button").nth(number).click()
        window.locator(".viewer img").nth(number).wait_for()
    assert_fits_and_axe_finds_nothing(window, axe, f"cases-{width}-{theme}")


def test_the_photograph_of_an_answer_opens_large_and_closes_with_the_next_answer(
    window, address, photograph
):
    resize(window, 1280)
    open_page(window, address)
    add_photograph(window, photograph)
    predict(window)
    window.wait_for_timeout(1_500)  # an answer closes what was open, one round trip later
    opens = window.get_by_role("button", name="Open the photograph large")
    opens.press("Enter")
    picture = window.locator("#enlarged .viewer img")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 600
    window.locator("#enlarged").get_by_role("button", name="Zoom in").click()
    assert "scale(1.25)" in picture.evaluate("image => image.style.transform")
    ask(window, "40")
    picture.wait_for(state="detached")
    assert not window.locator("#enlarged").is_visible()
    opens.click()
    picture.wait_for()
