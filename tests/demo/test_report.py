"""The report: what it holds, and that it prints on one page."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from demo.explanations import Shown
from demo.report import Remarks, report_data, report_html
from demo.templates import Templates
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES
from model.frame import Frame
from model.inference.bundle import RELEASED, read_manifest
from model.inference.finder import Framed
from model.patient import Patient
from tests.demo.pages import add_photograph, open_page, predict
from tests.drawings import draw_lesion
from tests.fakes.study import FakeStudy

TEMPLATES = Templates(load_texts())
REMARKS = Remarks("case 7", "Left cheek, since spring.\n<b>")


@pytest.fixture
def shown():
    study = FakeStudy(draw_lesion(0, seed=1, size=(600, 450)))
    return Shown(study, Patient(age=80.0, sex="male"), Path("IMG_0042.jpg"))


@pytest.fixture(scope="module")
def manifest():
    return replace(read_manifest(RELEASED), files={"network.keras": "0123456789abcdef" * 4})


def report(shown, manifest, remarks=REMARKS):
    return report_html(shown, manifest, remarks, made="now", templates=TEMPLATES)


def test_label_note_file_and_version_stand_beside_photograph_and_map(shown, manifest):
    page = report(shown, manifest)
    for words in ("case 7", "Left cheek, since spring.", "IMG_0042.jpg", "version 0123456789ab"):
        assert words in page
    assert "&lt;b&gt;" in page
    assert page.count("<img") == 2
    assert "evidence for melanoma (probability 40 %)" in page
    assert "Melanoma 40.0 %." in page
    assert "How each field changed" in page
    assert manifest.network_sha256 in page[page.rindex('class="small"') :]
    bare = report(Shown(shown.study, Patient()), manifest, Remarks())
    assert TEMPLATES.texts.report.label not in bare
    assert "How each field changed" not in bare


def test_the_same_is_in_the_data(shown, manifest):
    data = report_data(shown, manifest, REMARKS, made="now")
    assert (data["label"], data["file"]) == ("case 7", "IMG_0042.jpg")
    assert data["contributions"]["MEL"]["age"] == pytest.approx(0.4)
    assert data["melanoma"]["probability"] == pytest.approx(0.4)
    assert data["model"]["version"] == "0123456789ab"
    assert data["frame"] is None
    shown.study.framed = Framed(None, Frame(300, 200, 150), (240, 150, 360, 250))
    framed = report_data(shown, manifest, REMARKS, made="now")
    assert framed["frame"] == (225, 125, 375, 275)
    assert "square that the network used" in report(shown, manifest)


def test_with_all_that_it_may_hold_it_prints_on_one_page_of_a4(window, shown, manifest):
    study = shown.study
    study.quality, study.ood_score = ("blurred", "dark", "small_lesion"), 2.0
    study.prediction_set = lambda patient: DIAGNOSES
    study.framed = Framed(None, Frame(300, 200, 150))
    long = Remarks("x" * 80, "A note of many words. " * 14)
    window.set_content(report(shown, manifest, long))
    printed = window.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


def test_what_is_written_beside_the_links_is_in_what_they_save(window, address, photograph):
    open_page(window, address)
    add_photograph(window, photograph)
    predict(window)
    window.get_by_role("tab", name="Report").click()
    link = window.get_by_role("link", name="Data")
    before = link.get_attribute("href")
    window.locator("#label input, #label textarea").fill("case 7")
    window.wait_for_function(
        "before => document.querySelector('#report a[download$=json]').href !== before", arg=before
    )
    saved = window.locator("#report a[download$=json]").get_attribute("href")
    content = json.loads(b64decode(saved.partition(",")[2]))
    assert content["label"] == "case 7"
    assert content["file"] == "lesion.jpg"
