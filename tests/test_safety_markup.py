"""Texts from files, bundles and the Archive come back as text, whatever they hold."""

import re
from dataclasses import replace

import pytest

from demo.about_tab import about_page
from demo.data_tab import isic_data, own_data
from demo.gallery import gallery_html
from demo.model_tab import card, figures
from demo.predict_tab import ask
from demo.report import report_page
from demo.services import Example
from demo.texts import load_texts
from demo.why import image_reasons, patient_reasons, similar_cases, what_if
from model.image import read_image
from model.inference.bundle import RELEASED, read_manifest
from model.inference.similar import SimilarCase
from model.patient import FIELDS, Patient
from tests.fake_study import FakeStudy
from tests.pages import add_photograph, open_page, predict, served

TEXTS = load_texts()
EVIL = "<img src=x onerror=\"document.title='broken'\">'\"><script>document.title='broken'</script>"
PATIENT = Patient(age=60.0, sex="male", site="head/neck")


class EvilStudy(FakeStudy):
    """Of a bundle whose index of training images was tampered with."""

    def similar(self, count):
        return [SimilarCase(EVIL, "MEL", Patient(age=60.0, sex=EVIL, site=EVIL), 0.9)]


@pytest.fixture(scope="module")
def manifest():
    """Of a bundle in which every free text is hostile."""
    sound = read_manifest(RELEASED)
    texts = {"name": EVIL, "licence": EVIL, "intended_use": EVIL, "network_sha256": EVIL}
    versions = {EVIL: EVIL}
    classes = {code: f"{code} {EVIL}" for code in sound.classes}
    return replace(sound, classes=classes, versions=versions, **texts)


@pytest.fixture(scope="module")
def examples(photograph):
    return [Example(photograph.read_bytes(), PATIENT, "MEL", EVIL, real=True, missed=True)] * 2


def assert_harmless(page):
    """No tag of the hostile text survives, and no attribute could have been left."""
    assert "onerror" in page, "the text is not shown at all"
    assert not re.search(r"<img src=x|<script>document|\"document\.title", page)


def test_every_page_that_is_put_together_escapes_what_it_is_given(manifest, photograph, examples):
    study, names = EvilStudy(read_image(photograph)), manifest.classes
    pair, about = (study, PATIENT, "MEL"), {"name": names["MEL"], "texts": TEXTS}
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
        "report": report_page(study, ask(study, PATIENT), manifest, made="now", texts=TEXTS),
        "patient": patient_reasons(*pair, fields=FIELDS, **about),
        "image": image_reasons(*pair, strength=0.5, **about),
        "what if": what_if(*pair, fields=FIELDS, **about),
        "similar": similar_cases(
            study.similar(1), names, fields=FIELDS, thumbnails={}, texts=TEXTS
        ),
        "gallery": gallery_html(examples, manifest, TEXTS),
        "card": card(manifest, TEXTS),
        "figures": figures(manifest, TEXTS),
        "own data": own_data({"images": 1, "lesions": 1, "diagnoses": {EVIL: 1}}, TEXTS),
        "data": isic_data(summary, TEXTS),
        "about": about_page(manifest, TEXTS),
    }
    for page in pages.values():
        assert_harmless(page)


@pytest.mark.browser
def test_nothing_of_a_hostile_bundle_runs_in_the_browser(window, manifest, photograph, examples):
    def evil(image):
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
