"""The other tabs as a visitor meets them, in headless Chromium."""

import csv
from dataclasses import replace
from zipfile import ZipFile

import pytest

from model.inference.bundle import RELEASED, read_manifest
from tests.demo.pages import (
    LOOKS,
    assert_fits_and_axe_finds_nothing,
    drawn_once,
    open_page,
    requests_of,
    resize,
    served,
)


@pytest.fixture
def page(window, address):
    """As it is when it was just opened."""
    resize(window, 1280)
    open_page(window, address)
    return window


def test_a_batch_is_answered_and_saved_and_a_bad_file_is_listed(page, photograph, tmp_path):
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photograph")
    table = tmp_path / "context.csv"
    table.write_text("image,age_approx\nlesion,80\n")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-images input[type=file]", [photograph, bad])
    page.set_input_files("#batch-metadata input[type=file]", table)
    page.locator("#batch-images").get_by_text("KB").first.wait_for()
    page.locator("#batch-metadata").get_by_text("B").first.wait_for()
    page.locator("#batch-button").click()
    page.get_by_text("1 of 2 photographs predicted").wait_for()
    assert "notes" in page.locator("#batch-said").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as CSV").click()
    waiting.value.save_as(tmp_path / "saved.csv")
    assert (tmp_path / "saved.csv").read_text().splitlines()[1].startswith("lesion,0.4,")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save with warnings").click()
    waiting.value.save_as(tmp_path / "warnings.csv")
    head, row = (tmp_path / "warnings.csv").read_text().splitlines()
    assert head.startswith("image,most probable,malignant,context,warnings,MEL,")
    assert row.startswith("lesion,Melanoma,")
    assert page.locator("#batch-table img").count() >= 1


def test_a_row_of_the_batch_opens_in_the_predict_tab(page, photograph, tmp_path):
    table = tmp_path / "context.csv"
    table.write_text(f"image,age_approx\n{photograph.stem},60\n")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-images input[type=file]", [photograph])
    page.set_input_files("#batch-metadata input[type=file]", table)
    page.locator("#batch-images").get_by_text("KB").first.wait_for()
    page.locator("#batch-metadata").get_by_text("B").first.wait_for()
    page.locator("#batch-button").click()
    page.locator("#batch-table").get_by_text(photograph.stem).locator("visible=true").last.click()
    page.locator("#image img").wait_for()
    assert page.locator("#age input").input_value() == "60"


def test_a_zip_file_without_a_photograph_gets_a_sentence(page, tmp_path):
    empty = tmp_path / "empty.zip"
    with ZipFile(empty, "w") as archive:
        archive.writestr("notes.txt", "no photograph")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-images input[type=file]", empty)
    page.locator("#batch-images").get_by_text("B").first.wait_for()
    page.locator("#batch-button").click()
    page.get_by_text("notes.txt is no photograph").wait_for()


@pytest.fixture
def quiz(window):
    """The quiz of a page that has photographs, which only pass for real ones here."""
    found = [replace(one, real=True, origin="clinic") for one in drawn_once()]
    resize(window, 1280)
    with served(examples=lambda: found) as address:
        open_page(window, address)
        window.get_by_role("tab", name="Classroom").click()
        yield window


def test_a_class_guesses_then_sees_the_answer_without_and_then_with_context(quiz):
    quiz.locator("#quiz-next").click()
    quiz.locator("#quiz-photograph img").wait_for()
    assert quiz.locator("#quiz-alone svg").count() == 0
    guess = quiz.locator("#quiz-guess").get_by_label("Melanoma", exact=True)
    guess.check()
    quiz.locator("#quiz-commit").click()
    quiz.locator("#quiz-alone svg").wait_for()
    assert guess.is_disabled()
    assert "True diagnosis" not in quiz.locator("#quiz-whole").inner_text()
    quiz.locator("#quiz-reveal").click()
    quiz.get_by_text("Correct answers (rounds played: 1)").wait_for()
    assert quiz.locator("#quiz-whole table.bars").count() == 1
    quiz.locator("#quiz-next").click()
    quiz.locator("#quiz-whole table.bars").wait_for(state="detached")
    assert guess.is_enabled()
    assert not guess.is_checked()


def test_a_show_of_hands_is_counted_saved_and_reset(quiz, tmp_path):
    quiz.locator("#quiz-next").click()
    quiz.locator("#quiz-photograph img").wait_for()
    quiz.get_by_text("Count a show of hands").click()
    quiz.locator("#quiz-votes").get_by_label("Melanocytic nevus").fill("7")
    quiz.locator("#quiz-votes").get_by_label("Melanoma", exact=True).fill("3")
    quiz.locator("#quiz-commit").click()
    quiz.locator("#quiz-reveal").click()
    quiz.get_by_text("Correct answers (rounds played: 1)").wait_for()
    with quiz.expect_download() as waiting:
        quiz.get_by_role("link", name="Save the rounds").click()
    waiting.value.save_as(tmp_path / "quiz.csv")
    (row,) = csv.DictReader((tmp_path / "quiz.csv").read_text().splitlines())
    assert (row["class"], row["votes_NV"], row["votes_MEL"]) == ("NV", "7", "3")
    quiz.locator("#quiz-reset").click()
    quiz.locator("#quiz-score svg").wait_for(state="detached")
    quiz.locator("#quiz-next").click()
    quiz.locator("#quiz-whole table.bars").wait_for(state="detached")
    assert quiz.locator("#quiz-votes").get_by_label("Melanocytic nevus").input_value() == "0"


def test_no_drawing_is_asked_in_the_quiz(page):
    page.get_by_role("tab", name="Classroom").click()
    page.locator("#quiz-next").click()
    page.get_by_text("app.py --examples DIR").last.wait_for()
    assert page.locator("#quiz-photograph img").count() == 0


def test_a_threshold_and_a_prevalence_are_told_in_patients(window):
    curve = {"threshold": [0.2, 0.21], "sensitivity": [0.9, 0.5], "specificity": [0.8, 0.9]}
    manifest = read_manifest(RELEASED)
    figures = manifest.metrics["test"] | {"by_threshold": {"melanoma": curve}}
    page = window
    resize(page, 1280)
    with served(manifest=replace(manifest, metrics={"test": figures})) as address:
        open_page(page, address)
        page.get_by_role("tab", name="Classroom").click()
        page.get_by_role("tab", name="Threshold").click()
        page.get_by_text("214 are referred, of whom 18 have melanoma").wait_for()
        threshold = page.locator("#threshold input[type=range]")
        threshold.focus()
        threshold.press("ArrowRight")
        page.get_by_text("108 are referred, of whom 10 have melanoma").wait_for()
        page.locator("#prevalence input[type=range]").focus()
        page.keyboard.press("Home")
        page.get_by_text("100 are referred, of whom 0 have melanoma").wait_for()


def test_a_guess_needs_a_photograph(page):
    page.get_by_role("tab", name="Classroom").click()
    page.locator("#quiz-commit").click()
    page.get_by_text("Press Next photograph and choose a guess first").wait_for()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_tab_fits_and_axe_finds_nothing_beyond_gradios_own(
    window, address, axe, width, theme
):
    resize(window, width)
    with requests_of(window) as asked:
        open_page(window, f"{address}?__theme={theme}")
        for name in ("Cases", "Batch", "Classroom", "Model", "Data", "About"):
            tab = window.get_by_role("tab", name=name, exact=True)
            if not tab.is_visible():
                window.locator(".overflow-menu > button").first.click()
                tab = window.locator(".overflow-dropdown button", has_text=name)
            tab.click()
            assert_fits_and_axe_finds_nothing(window, axe, f"{name.lower()}-{width}-{theme}")
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
