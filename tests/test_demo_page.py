"""The page as a visitor meets it, in headless Chromium."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.drawings import draw_lesion
from tests.pages import served

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "screenshots"))
SCREENSHOTS.mkdir(exist_ok=True)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]

GRADIOS_OWN = {"image-redundant-alt"}  # the settings link in the footer
"""Rules of axe that Gradio's own controls break, whatever the page does."""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engines:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = engines.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address():
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "lesion.jpg"
    draw_lesion(0, seed=1, size=(600, 450)).save(path)
    return path


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    open_page(page, address)
    yield page
    page.close()


def open_page(page, address):
    page.goto(address)
    page.get_by_text("The network is ready").wait_for()


def add_photograph(page, photograph):
    page.set_input_files("#image input[type=file]", photograph)
    page.locator("#image img").wait_for()


def predict(page):
    page.get_by_role("button", name="Predict").click()
    page.locator("table.bars").wait_for()


def values(page):
    return [float(text.split()[0]) for text in page.locator("td.value").all_inner_texts()]


def test_a_visitor_uploads_fills_in_and_reads_eight_bars_that_sum_to_100(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    page.locator("#sex").get_by_label("female").check()
    page.locator("#site").get_by_label("head/neck").check()
    predict(page)
    shown = values(page)
    assert len(shown) == 8
    assert sum(shown) == pytest.approx(100, abs=1e-6)
    assert shown[0] == 40.0
    assert "age 80, female, head/neck" in page.locator("#result caption").inner_text()

    page.screenshot(path=SCREENSHOTS / "page-1280.png")


def test_all_that_matters_at_first_is_on_one_screen(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    assert page.evaluate("scrollY") == 0
    for part in ("#image", "#site", "#result"):
        assert page.locator(part).bounding_box()["y"] >= 0
    ends = [page.locator(part).bounding_box() for part in ("#site", "#result", "#predict")]
    assert max(box["y"] + box["height"] for box in ends) <= 800


def test_beside_the_image_with_its_context_stand_the_image_alone_and_the_change(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    predict(page)
    row = page.locator('tr[data-class="MEL"]')
    assert row.locator(".value").inner_text() == "40.0 %"
    assert row.locator(".alone").inner_text() == "0.0 %"
    assert row.locator(".change").inner_text() == "+40.0 pp"
    assert "Cannot exclude: melanoma, melanocytic nevus." in page.locator("#result").inner_text()


def test_the_reasons_follow_the_class_that_is_asked_for(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    predict(page)
    page.get_by_text("What each field changed in the probability of Melanoma").wait_for()
    assert "age: 80 +40.0 pp" in page.locator("#why-patient").inner_text()
    page.locator("#explained").get_by_label("Dermatofibroma").check()
    page.get_by_text("What each field changed in the probability of Dermatofibroma").wait_for()
    page.get_by_role("tab", name="Why: the image").click()
    assert page.locator("#why-image img").count() == 2
    assert "Where, not why" in page.locator("#why-image").inner_text()


def test_what_if_answers_for_another_age_at_once(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    predict(page)
    page.get_by_role("tab", name="What if").click()
    page.get_by_text("At 80 years: female 40.0%").wait_for()
    slider = page.locator("#if-age input[type=range]")
    slider.focus()
    slider.press("ArrowLeft")
    page.get_by_text("At 75 years: female 37.5%").wait_for()


def test_similar_cases_link_to_the_archive(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    page.get_by_role("tab", name="Similar cases").click()
    link = page.locator("#similar a")
    assert link.get_attribute("href").endswith("isic-archive.com/images/ISIC_0000001/")


def test_the_report_is_saved_from_the_page_itself(page, photograph, tmp_path):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    predict(page)
    page.get_by_role("tab", name="Report").click()
    saved = {}
    for label in ("Page to print", "Data"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=label).click()
        target = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(target)
        saved[target.suffix] = target.read_text()
    data = json.loads(saved[".json"])
    assert data["inputs"]["age_approx"] == 80
    assert sum(data["probabilities"].values()) == pytest.approx(1)
    assert data["prediction_set"] == ["MEL", "NV"]
    assert "Not a medical device" in data["notice"]
    assert "+40.0 pp" in saved[".html"]
    assert "http" not in saved[".html"].replace("http://www.w3.org", "")


def test_an_example_fills_the_fields(page):
    page.locator("#examples button").first.click()
    page.locator("#image img").wait_for()
    assert page.locator("#age input").input_value() == "65"
    assert page.locator("#site").get_by_label("posterior torso").is_checked()
    predict(page)
    assert values(page)[0] == 32.5


def test_an_untouched_page_sends_an_unknown_age_not_zero(page, photograph):
    assert page.locator("#age input").input_value() == ""
    add_photograph(page, photograph)
    predict(page)
    assert "no patient context" in page.locator("#result caption").inner_text()


def test_an_answer_to_other_fields_says_that_it_is_old(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    note = page.get_by_text("The fields have changed since this answer")
    assert note.is_hidden()
    page.locator("#sex").get_by_label("female").check()
    note.wait_for()
    predict(page)
    note.wait_for(state="hidden")
    page.locator("#image").get_by_label("Remove Image").click()
    note.wait_for()


def test_clear_empties_every_field(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    page.locator("#sex").get_by_label("female").check()
    predict(page)
    page.get_by_role("button", name="Clear").click()
    page.locator("table.bars").wait_for(state="detached")
    assert page.locator("#age input").input_value() == ""
    assert not page.locator("#sex").get_by_label("female").is_checked()
    assert page.locator("#image img").count() == 0


def test_predict_without_a_photograph_says_what_to_do(page):
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("Add a photograph first").wait_for()


def test_a_text_renamed_jpg_gets_a_sentence_and_the_page_lives_on(page, photograph, tmp_path):
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photograph")
    page.set_input_files("#image input[type=file]", bad)
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("cannot be read as an image").wait_for()
    page.locator("#image").get_by_label("Remove Image").click()
    add_photograph(page, photograph)
    predict(page)
    assert len(values(page)) == 8


def test_nothing_is_asked_of_another_host_or_kept_in_the_browser(page, photograph, address):
    add_photograph(page, photograph)
    predict(page)
    foreign = [u for u in page.requested if not u.startswith((address, "data:", "blob:"))]
    assert foreign == []
    assert page.evaluate("Object.keys(localStorage).length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_beyond_gradios_own(browser, address, photograph, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    open_page(page, f"{address}?__theme={theme}")
    add_photograph(page, photograph)
    predict(page)
    page.wait_for_timeout(500)
    broken = {rule["id"]: rule["nodes"] for rule in axe.run(page).response["violations"]}
    page.close()
    assert set(broken) <= GRADIOS_OWN, broken


def test_a_phone_of_360_pixels_needs_no_sideways_scrolling(browser, address, photograph):
    page = browser.new_page(viewport={"width": 360, "height": 740})
    open_page(page, address)
    add_photograph(page, photograph)
    predict(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.screenshot(path=SCREENSHOTS / "page-360.png", full_page=True)
    page.close()
    assert width <= 360


def test_the_notice_is_visible(page):
    assert page.get_by_text("Not a medical device").is_visible()


def test_a_batch_is_answered_and_saved_and_a_bad_file_is_listed(page, photograph, tmp_path):
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photograph")
    table = tmp_path / "context.csv"
    table.write_text("image,age_approx\nlesion,80\n")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-images input[type=file]", [photograph, bad])
    page.set_input_files("#batch-metadata input[type=file]", table)
    page.wait_for_timeout(500)
    page.locator("#batch-button").click()
    page.get_by_text("1 of 2 photographs answered").wait_for()
    assert "notes" in page.locator("#batch-said").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as CSV").click()
    waiting.value.save_as(tmp_path / "saved.csv")
    assert (tmp_path / "saved.csv").read_text().splitlines()[1].startswith("lesion,0.4,")


def test_a_class_guesses_then_sees_the_answer_without_and_then_with_context(page):
    page.get_by_role("tab", name="Classroom").click()
    page.locator("#quiz-next").click()
    page.locator("#quiz-photograph img").wait_for()
    assert page.locator("#quiz-alone svg").count() == 0
    guess = page.locator("#quiz-guess").get_by_label("Melanoma", exact=True)
    guess.check()
    page.locator("#quiz-commit").click()
    page.locator("#quiz-alone svg").wait_for()
    assert guess.is_disabled()
    assert "Diagnosis" not in page.locator("#quiz-whole").inner_text()
    page.locator("#quiz-reveal").click()
    page.get_by_text("Right answers, rounds played: 1").wait_for()
    assert page.locator("#quiz-whole table.bars").count() == 1
    page.locator("#quiz-next").click()
    page.locator("#quiz-whole table.bars").wait_for(state="detached")
    assert guess.is_enabled()
    assert not guess.is_checked()


def test_a_guess_needs_a_photograph(page):
    page.get_by_role("tab", name="Classroom").click()
    page.locator("#quiz-commit").click()
    page.get_by_text("Ask for a photograph and choose a guess first").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_tab_fits_and_axe_finds_nothing_beyond_gradios_own(browser, address, theme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(viewport={"width": width, "height": 800})
    open_page(page, f"{address}?__theme={theme}")
    found = {}
    for name in ("Batch", "Classroom", "Model", "Data", "About"):
        tab = page.get_by_role("tab", name=name, exact=True)
        if not tab.is_visible():
            page.locator(".overflow-menu > button").first.click()
            tab = page.locator(".overflow-dropdown button", has_text=name)
        tab.click()
        page.wait_for_timeout(300)
        page.screenshot(path=SCREENSHOTS / f"{name.lower()}-{width}-{theme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        rules = {rule["id"] for rule in axe.run(page).response["violations"]}
        found |= {name: rules - GRADIOS_OWN} if rules - GRADIOS_OWN else {}
    page.close()
    assert found == {}
