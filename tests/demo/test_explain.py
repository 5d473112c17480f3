"""The explanations below a prediction, and what their knobs ask for."""

from collections import Counter

import gradio as gr
import numpy as np
import pytest

from demo.explanations import Shown
from demo.tabs.explain import Explanations
from demo.templates import Templates
from demo.texts import load_texts
from model.frame import Frame
from model.inference.finder import Framed
from model.patient import AGE, Patient
from tests.demo.pages import services
from tests.drawings import draw_lesion
from tests.fakes.study import FakeStudy

ASKED = ("contributions", "grad_cam", "what_if", "similar")


class CountingStudy(FakeStudy):
    """Counts what it is asked for."""

    def __init__(self, photograph):
        super().__init__(photograph)
        self.asked = Counter()

    def __getattribute__(self, name):
        if name in ASKED:
            self.asked[name] += 1
        return super().__getattribute__(name)


@pytest.fixture
def shown():
    return Shown(CountingStudy(draw_lesion(0, seed=1)), Patient(age=60.0, sex="male"))


@pytest.fixture(scope="module")
def page():
    with gr.Blocks() as page:
        page.shown = gr.State()
        page.reasons = Explanations(services(), Templates(load_texts()))
        page.reasons.connect(page.shown)
    return page


def turn(page, knob, shown):
    """Runs what a knob of the page runs; gives the components that it fills."""
    values = {
        page.shown: shown,
        page.reasons.code: "MEL",
        page.reasons.strength: 30,
    }
    values |= dict(zip(page.reasons.supposed.values(), (45, "male", "unknown"), strict=True))
    filled = []
    for event in page.fns.values():
        if (knob._id, "input") in event.targets:
            event.fn(*(values[block] for block in event.inputs))
            filled += event.outputs
    return filled


def test_the_overlay_is_drawn_again_without_asking_the_network(page, shown):
    reasons = page.reasons
    assert turn(page, reasons.strength, shown) == [reasons.image]
    turn(page, reasons.strength, shown)
    assert shown.study.asked == {"grad_cam": 1}


def test_the_overlay_is_fainter_where_the_class_is_less_probable(shown):
    study, photograph = shown.study, np.asarray(shown.study.photograph, float)

    def changed(age):
        drawn = Shown(study, Patient(age=age)).overlay("MEL", side=2000, strength=1.0)
        return np.abs(np.asarray(drawn, float) - photograph).max()

    assert changed(0.0) == 0
    assert 0 < changed(20.0) < changed(80.0)


def test_a_frame_is_outlined_where_the_network_looked_at_one(shown):
    whole = shown.framed(400)
    shown.study.framed = Framed(shown.study.framed.squares, Frame(32, 32, 20))
    outlined = shown.framed(400)
    assert whole.size == outlined.size
    assert np.asarray(whole).tolist() != np.asarray(outlined).tolist()


def test_what_if_asks_for_nothing_but_its_curves(page, shown):
    reasons = page.reasons
    for knob in reasons.supposed.values():
        assert turn(page, knob, shown) == [reasons.what_if]
    assert set(shown.study.asked) == {"what_if"}


def test_another_class_changes_all_that_is_about_a_class(page, shown):
    reasons = page.reasons
    for _ in range(2):
        filled = turn(page, reasons.code, shown)
        assert filled == [reasons.patient, reasons.image, reasons.what_if]
    # Contributions of all classes come at once.
    assert shown.study.asked["contributions"] == shown.study.asked["grad_cam"] == 1


def test_before_a_prediction_knobs_fill_in_nothing(page):
    for knob in (page.reasons.code, page.reasons.strength, *page.reasons.supposed.values()):
        assert turn(page, knob, None)


@pytest.mark.parametrize(("age", "begins"), [(0.0, 5), (None, 55), (53.0, 55), (100.0, 85)])
def test_what_if_begins_at_the_patients_age_as_far_as_the_slider_goes(page, shown, age, begins):
    reasons, patient = page.reasons, Patient(age=age, sex="male")
    filled = reasons.explain(Shown(shown.study, patient), 50)
    assert filled[reasons.supposed[AGE]] == begins
    assert set(filled) == set(reasons.filled)
