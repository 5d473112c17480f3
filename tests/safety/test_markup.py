"""Texts from files, bundles and the Archive come back as text, whatever they hold."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from demo.batch import Answered, BatchResult
from demo.examples import gallery_html
from demo.explanations import Shown, image_html, patient_html, similar_html, what_if_html
from demo.prediction import Prediction, prediction_html
from demo.report import Remarks, report_html
from demo.services import Example
from demo.tabs.about import about_html
from demo.tabs.batch import result_frame, summary_html
from demo.tabs.data import data_html
from demo.tabs.model import model_html
from demo.templates import Templates
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES
from model.image import read_image
from model.inference.bundle import NETWORK_FILE, RELEASED, read_manifest
from model.inference.similar import SimilarCase
from model.patient import FIELDS, Patient
from tests.demo.pages import add_photograph, open_page, predict, served
from tests.fakes.study import FakeStudy

TEMPLATES = Templates(load_texts())
EVIL = "<img src=x onerror=\"document.title='broken'\">'\"><script>document.title='broken'</script>"
PATIENT = Patient(age=60.0, sex="male", site="head/neck")
ROW = dict.fromkeys(DIAGNOSES, 0.125)


class EvilStudy(FakeStudy):
    """Of a bundle whose index of training images was tampered with."""

    def similar(self, count):
        return [SimilarCase(EVIL, "MEL", Patient(age=60.0, sex=EVIL, site=EVIL), 0.9)]


@pytest.fixture(scope="module")
def manifest():
    """Of a bundle in which every free text is hostile."""
    sound = read_manifest(RELEASED)
    texts = {"name": EVIL, "licence": EVIL, "intended_use": EVIL, "versions": {EVIL: EVIL}}
    files = {NETWORK_FILE: EVIL}
    classes = {code: f"{code} {EVIL}" for code in sound.classes}
    return replace(sound, classes=classes, files=files, **texts)


@pytest.fixture(scope="module")
def examples(photograph):
    return [
        Example(photograph.read_bytes(), PATIENT, "MEL", EVIL, real=True, misclassified=True)
    ] * 2


def assert_harmless(page):
    """No tag of the hostile text survives, and no attribute could have been left."""
    assert "onerror" in page, "the text is not shown at all"
    assert not re.search(r"<img src=x|<script>document|\"document\.title", page)


def test_every_page_that_is_put_together_escapes_what_it_is_given(manifest, photograph, examples):
    study, names = EvilStudy(read_image(photograph)), manifest.classes
    prediction = Prediction.of(study, PATIENT)
    shown, remarks = Shown(study, PATIENT, Path(EVIL.replace("/", ""))), Remarks(EVIL, EVIL)
    about = {"name": names["MEL"], "templates": TEMPLATES}
    own = {"images": 1, "lesions": 1, "diagnoses": {EVIL: 1}}
    row = Answered(ROW, PATIENT, [], Image.new("RGB", (40, 30)))
    result = BatchResult({EVIL: row}, refused=[(EVIL, EVIL)])
    frame = result_frame(result, manifest, TEMPLATES.texts)
    summary = {
        "rows": 1,
        "lesions": 1,
        "numbers": {"age": {"mean": 1.0, "sd": 1.0, "known": 1}},
        "diagnoses": dict.fromkeys(names, 1),
        "sources": {EVIL: 1},
        "unknown": {"sex": 1},
        "groups": {field.key: {EVIL: 1} for field in FIELDS},
        "shares": {name: {EVIL: dict.fromkeys(names, 1.0)} for name in ("age", "sex", "site")},
    }
    pages = {
        "prediction": prediction_html(prediction, manifest, TEMPLATES),
        "report": report_html(shown, manifest, remarks, made="now", templates=TEMPLATES),
        "patient": patient_html(shown, "MEL", fields=FIELDS, **about),
        "image": image_html(shown, "MEL", strength=0.5, **about),
        "what if": what_if_html(study, PATIENT, "MEL", fields=FIELDS, **about),
        "similar": similar_html(
            study.similar(1), names, fields=FIELDS, thumbnails={}, templates=TEMPLATES
        ),
        "gallery": gallery_html(examples, manifest, TEMPLATES),
        "batch": summary_html(result, list(ROW), frame, TEMPLATES),
        "model": model_html(manifest, None, TEMPLATES),
        "own data": data_html(own, None, TEMPLATES),
        "data": data_html({}, summary, TEMPLATES),
        "about": about_html(manifest, TEMPLATES),
    }
    for page in pages.values():
        assert_harmless(page)


def test_nothing_of_a_hostile_bundle_runs_in_the_browser(window, manifest, photograph, examples):
    def evil(image, **_):
        return EvilStudy(read_image(image))

    page = window
    with served(evil, manifest=manifest, examples=lambda: examples) as address:
        open_page(page, address)
        title = page.title()
        add_photograph(page, photograph)
        page.locator("#age input").fill("60")
        predict(page)
        assert "onerror" in page.locator("#result").inner_text()
        for tab in reversed(page.get_by_role("tab").all()):  # inner ones first
            if tab.is_visible():
                tab.click()
        page.wait_for_timeout(500)
        assert page.title() == title
        assert page.locator("img[src=x]").count() == 0
