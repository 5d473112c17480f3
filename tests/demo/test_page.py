"""The page as a visitor meets it, in headless Chromium."""

import json
import re

import pytest

from model.diagnosis import DIAGNOSES
from tests.demo.pages import (
    LOOKS,
    add_photograph,
    assert_fits_and_axe_finds_nothing,
    open_page,
    predict,
    requests_of,
    resize,
    served,
)
from tests.drawings.dicom import NAME, NAME_AND_DATES, NUMBER, STUDY_DATE, dicom, drawn
from tests.fakes.study import made_up

OUTLINED = """() => {
  const focused = document.activeElement;
  const places = [focused, focused.closest('label'), focused.parentElement];
  return places.some(place => place && getComputedStyle(place).outlineStyle !== 'none');
}"""
"""Whether the focus can be seen."""


@pytest.fixture
def page(window, address):
    """As it is when it was just opened."""
    resize(window, 1280)
    open_page(window, address)
    return window


@pytest.fixture(scope="class")
def alone(window, address, photograph):
    """The page with the answer to a photograph alone."""
    return answered(window, address, photograph, age="")


@pytest.fixture(scope="class")
def at_80(window, address, photograph):
    """The page with the answer to a photograph and an age."""
    return answered(window, address, photograph, age="80")


def answered(window, address, photograph, *, age):
    resize(window, 1280)
    open_page(window, address)
    add_photograph(window, photograph)
    if age:
        window.locator("#age input").fill(age)
    predict(window)
    return window


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


def test_a_dicom_file_fills_photograph_and_fields_and_leaves_none_of_the_patient_before(
    page, tmp_path
):
    page.locator("#age input").fill("80")
    page.locator("#site").get_by_label("head/neck").check()
    file = tmp_path / "IM000001"
    file.write_bytes(dicom(drawn(), PatientSex="F", PatientAge="060Y", **NAME_AND_DATES))
    with page.expect_file_chooser() as waiting:
        page.locator("#dicom").click()
    waiting.value.set_files(file)
    page.locator("#image img").wait_for()
    page.get_by_text("Read from the file: age 60, female.").wait_for()
    assert page.locator("#age input").input_value() == "60"
    predict(page)
    assert "age 60, female" in page.locator("#result caption").inner_text()
    assert "head/neck" not in page.locator("#result caption").inner_text()
    assert not [word for word in (NAME, NUMBER, STUDY_DATE) if word in page.content()]
    file.write_bytes(dicom(drawn(), PatientSex="F", NumberOfFrames="2"))
    with page.expect_file_chooser() as waiting:
        page.locator("#dicom").click()
    waiting.value.set_files(file)
    page.get_by_text("several frames").wait_for()
    assert page.locator("#age input").input_value() == "60"  # of the photograph that still stands


def test_all_that_matters_at_first_is_on_one_screen(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    assert page.evaluate("scrollY") == 0
    for part in ("#image", "#site", "#result"):
        assert page.locator(part).bounding_box()["y"] >= 0
    ends = [page.locator(part).bounding_box() for part in ("#site", "#result", "#predict")]
    assert max(box["y"] + box["height"] for box in ends) <= 800


def test_warnings_come_first_and_still_leave_all_on_one_screen(window, photograph):
    def doubtful(image, *, box):
        study = made_up(image)
        study.quality, study.ood_score = ("blurred", "dark", "small_lesion"), 2.0
        study.prediction_set = lambda patient: DIAGNOSES
        return study

    resize(window, 1280)
    with served(doubtful) as address:
        open_page(window, address)
        add_photograph(window, photograph)
        predict(window)
        said = window.locator("#result").inner_text()
        bars = window.locator("table.bars").bounding_box()
    places = [
        said.index(words) for words in ("Poor image quality: blurred, too dark", "Unlike", "Likely")
    ]
    assert places == sorted(places)
    assert "9 of 10" not in said  # which was measured on images unlike this one
    assert bars["y"] + bars["height"] <= 800


class TestAnAnswerToAPhotographAlone:
    def test_an_untouched_page_sends_an_unknown_age_not_zero(self, alone):
        assert alone.locator("#age input").input_value() == ""
        assert "without patient context" in alone.locator("#result caption").inner_text()

    def test_similar_cases_link_to_the_archive(self, alone):
        alone.get_by_role("tab", name="Similar cases").click()
        link = alone.locator("#similar a")
        assert link.get_attribute("href").endswith("isic-archive.com/images/ISIC_0000001/")


class TestAnAnswerAtEighty:
    def test_beside_the_image_with_its_context_stand_the_image_alone_and_the_change(self, at_80):
        row = at_80.locator('tr[data-class="MEL"]')
        assert row.locator(".value").inner_text() == "40.0 %"
        assert row.locator(".alone").inner_text() == "0.0 %"
        assert row.locator(".change").inner_text() == "+40.0 pp"
        said = at_80.locator("#result").inner_text()
        assert "Likely: melanoma, melanocytic nevus." in said

    def test_what_if_answers_for_another_age_at_once(self, at_80):
        at_80.get_by_role("tab", name="What if").click()
        at_80.get_by_text("At age 80: female 40.0 %").wait_for()
        slider = at_80.locator("#if-age input[type=range]")
        slider.focus()
        slider.press("ArrowLeft")
        at_80.get_by_text("At age 75: female 37.5 %").wait_for()

    def test_the_report_is_saved_from_the_page_itself(self, at_80, tmp_path):
        at_80.get_by_role("tab", name="Report").click()
        saved = {}
        for label in ("Printable report", "Data"):
            with at_80.expect_download() as waiting:
                at_80.get_by_role("link", name=label).click()
            target = tmp_path / waiting.value.suggested_filename
            waiting.value.save_as(target)
            assert re.fullmatch(r"lesion-report-\d{4}-\d\d-\d\d-\d{6}-UTC", target.stem)
            saved[target.suffix] = target.read_text()
        data = json.loads(saved[".json"])
        assert data["inputs"]["age_approx"] == 80
        assert sum(data["probabilities"].values()) == pytest.approx(1)
        assert data["prediction_set"] == ["MEL", "NV"]
        assert "Not a medical device" in data["notice"]
        assert "+40.0 pp" in saved[".html"]
        assert "http" not in saved[".html"].replace("http://www.w3.org", "")


def test_the_reasons_follow_the_class_that_is_asked_for(page, photograph):
    add_photograph(page, photograph)
    page.locator("#age input").fill("80")
    predict(page)
    page.get_by_text("How each field changed the probability of melanoma").wait_for()
    chart = page.locator("#why-patient svg").get_attribute("aria-label")
    assert "age: 80 +40.0 pp; sex: unknown 0.0 pp" in chart
    assert page.locator("#why-patient").get_by_text("+40.0 pp").count() == 1
    page.locator("#explained").get_by_label("Dermatofibroma").check()
    page.get_by_text("How each field changed the probability of dermatofibroma").wait_for()
    page.get_by_role("tab", name="Why: the image").click()
    assert page.locator("#why-image img").count() == 2
    assert "Where, not why" in page.locator("#why-image").inner_text()


def test_thumbnails_of_similar_cases_come_through_the_server(window, photograph):
    asked = []

    def thumbnail(isic_id):
        asked.append(isic_id)
        return photograph.read_bytes()

    with served(thumbnail=thumbnail) as address:
        open_page(window, address)
        add_photograph(window, photograph)
        predict(window)
        window.get_by_role("tab", name="Similar cases").click()
        image = window.locator("#similar img")
        image.wait_for()
        assert image.get_attribute("src").startswith("data:image/jpeg;base64,")
    assert asked == ["ISIC_0000001"]


def test_an_example_fills_the_fields(page):
    page.locator("#examples button").first.click()
    page.locator("#image img").wait_for()
    assert page.locator("#age input").input_value() == "65"
    assert page.locator("#site").get_by_label("posterior torso").is_checked()
    predict(page)
    assert values(page)[0] == 32.5


def test_beside_a_wrong_age_stands_the_rule_until_it_is_mended(page):
    rule = page.locator("#age").get_by_text("From 0 to 120, or leave empty")
    age = page.locator("#age input")
    for wrong, mended in (("151", "80"), ("-1", "")):
        assert rule.is_hidden()
        age.fill(wrong)
        rule.wait_for()
        page.keyboard.press("Tab")
        assert rule.is_visible()
        age.fill(mended)
        rule.wait_for(state="hidden")


def test_an_answer_to_other_fields_says_that_it_is_old(page, photograph):
    add_photograph(page, photograph)
    predict(page)
    note = page.get_by_text("The photograph or a field has changed since this prediction")
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


def test_the_notice_is_visible_and_predict_without_a_photograph_says_what_to_do(page):
    assert page.get_by_text("Not a medical device").is_visible()
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("Add a photograph first").wait_for()


def test_a_text_renamed_jpg_gets_a_sentence_and_the_page_lives_on(page, photograph, tmp_path):
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photograph")
    add_photograph(page, bad)
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("cannot be read as an image").wait_for()
    page.locator("#image").get_by_label("Remove Image").click()
    add_photograph(page, photograph)
    predict(page)
    assert len(values(page)) == 8


def test_nothing_is_asked_of_another_host_or_kept_in_the_browser(window, photograph, address):
    with requests_of(window) as asked:
        open_page(window, address)
        add_photograph(window, photograph)
        predict(window)
        kept = window.evaluate("Object.keys(localStorage).length")
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert asked
    assert kept == 0


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_an_answer_fits_and_axe_finds_nothing_beyond_gradios_own(
    window, address, photograph, axe, width, theme
):
    resize(window, width)
    open_page(window, f"{address}?__theme={theme}")
    add_photograph(window, photograph)
    predict(window)
    for tab in ("Why: the patient", "Why: the image", "What if", "Similar cases", "Report"):
        window.get_by_role("tab", name=tab).click()
        name = f"predict-{tab.split()[-1].lower()}-{width}-{theme}"
        assert_fits_and_axe_finds_nothing(window, axe, name)


def test_on_a_phone_the_answer_comes_into_view(window, address, photograph):
    window.set_viewport_size({"width": 360, "height": 740})
    open_page(window, address)
    add_photograph(window, photograph)
    window.evaluate("scrollTo(0, 0); document.querySelector('#predict').click()")
    window.wait_for_function("document.querySelector('.headline')?.getBoundingClientRect().y < 600")


def test_the_keyboard_alone_leads_from_the_photograph_to_the_answer(page, photograph):
    add_photograph(page, photograph)
    page.locator("#image").get_by_label("Upload file").focus()
    visited = []

    def tab_to(selector, key="Tab"):
        for _ in range(25):
            page.keyboard.press(key)
            visited.append(page.evaluate(OUTLINED))
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        pytest.fail(f"{key} never reached {selector}")

    tab_to("#age input")
    page.keyboard.type("80")
    for group in ("#sex", "#site"):  # from unknown, the last, to the word before
        tab_to(f"{group} input")
        page.keyboard.press("ArrowLeft")
    tab_to("#predict")
    page.keyboard.press("Enter")
    page.locator("table.bars").wait_for()
    assert "age 80, male, upper extremity" in page.locator("#result caption").inner_text()
    tab_to("#examples button", key="Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#result caption", has_text="age 65, male, posterior torso").wait_for()
    tab_to("#explained input")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.get_by_text("How each field changed the probability of basal cell").wait_for()
    assert all(visited), "the focus is not seen everywhere"
