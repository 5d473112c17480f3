"""The lesions on the photograph beside an answer, and what looks at another one."""

import base64
import json
import re
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from demo.cases import Tray
from demo.explanations import Shown
from demo.lesions import contour, drawn_lesions, lesions_html
from demo.page import build_demo
from demo.report import Remarks, report_data
from demo.tabs.predict import ChosenBox
from demo.templates import Templates
from demo.texts import load_texts
from model.patient import Patient
from tests.demo.pages import (
    LOOKS,
    add_photograph,
    assert_fits_and_axe_finds_nothing,
    open_page,
    predict,
    resize,
    served,
    services,
)
from tests.fakes.lesions import FramedStudy, framed, framing_manifest, skin, whole_manifest
from tests.fakes.study import FakeStudy

LEFT, RIGHT = (40, 60, 110, 130), (190, 70, 250, 130)
TEMPLATES = Templates(load_texts())
WORDS = TEMPLATES.texts.lesions


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """Two lesions, the larger on the left."""
    path = tmp_path_factory.mktemp("lesions") / "two.png"
    skin(LEFT, RIGHT).save(path)
    return path


def html_of(study, found=None):
    return lesions_html(study, found or study, TEMPLATES)


def names(html):
    return re.findall(r'<g role="button" tabindex="0"[^>]*aria-label="([^"]*)"', html)


def test_a_contour_runs_where_a_map_passes_one_half():
    rows, columns = np.indices((20, 30))
    disc = 5.5 - np.hypot(rows - 9.5, columns - 14.5)  # one half at 5 cells from the middle
    ends = contour(disc).reshape(-1, 2)
    distances = np.hypot(ends[:, 1] - 10, ends[:, 0] - 15)  # a cell's middle is at one half
    assert np.abs(distances - 5).max() < 0.1
    assert len(ends) > 40
    assert contour(np.zeros((4, 4))).shape == (0, 2, 2)


def test_a_contour_is_closed_even_where_the_map_ends_or_touches_itself():
    for cells in (np.ones((3, 4)), np.eye(4), np.eye(4)[::-1]):
        ends, counts = np.unique(contour(cells).reshape(-1, 2).round(6), axis=0, return_counts=True)
        assert len(ends) > 0
        assert (counts % 2 == 0).all()


def test_each_lesion_has_its_own_outline_and_a_target_for_fingers():
    study = FramedStudy(skin((40, 60, 100, 120), (200, 50, 220, 130)))
    assert study.framed.finding.frame.side < 200  # the first got a closer look
    large, small = drawn_lesions(study.framed.finding, study.framed.box, study.size)
    assert (large.is_framed, small.is_framed) == (True, False)
    for lesion in (large, small):
        places = np.array(re.findall(r"[ML](\S+) ([\d.]+)", lesion.path), float)
        assert len(places) > 8
        x0, y0, x1, y1 = lesion.box
        np.testing.assert_allclose(places.min(axis=0), (x0, y0), atol=6)
        np.testing.assert_allclose(places.max(axis=0), (x1, y1), atol=6)
    left, _, right, *_ = map(float, re.findall(r"[\d.]+", small.target))
    assert right - left == pytest.approx(0.12 * 200, abs=0.2)  # the lesion is 20 pixels wide


def test_what_is_drawn_says_which_lesion_was_looked_at():
    found = FramedStudy(skin(LEFT, RIGHT))
    html = html_of(found)
    assert names(html) == ["Lesion 1 of 2, chosen", "Lesion 2 of 2, not chosen"]
    assert WORDS.several in html
    assert WORDS.found not in html
    second = FramedStudy(found.photograph, box=found.framed.finding.lesions[1].box)
    html = html_of(second, found)
    assert names(html) == ["Lesion 1 of 2, not chosen", "Lesion 2 of 2, chosen"]
    assert WORDS.found in html
    own = html_of(FramedStudy(found.photograph, box=(10, 10, 60, 60)), found)
    assert "not chosen" in names(own)[0]
    assert 'class="framed" d="M10.0 10.0H60.0V60.0H10.0Z"' in own


def test_none_found_and_a_lesion_that_fills_the_photograph_are_said():
    none = FramedStudy(skin())
    assert names(html_of(none)) == []
    assert WORDS.whole in html_of(FramedStudy(none.photograph, box=(10, 10, 60, 60)), none)
    assert WORDS.fills in html_of(FramedStudy(skin((-300, -300, 600, 500))))
    assert html_of(FakeStudy(skin(LEFT))) == ""  # a network that looks at the whole photograph


class Asking:
    """The page's events around the answer, without a browser."""

    def __init__(self, photograph):
        self.asked = []
        manifests = framing_manifest(), whole_manifest()
        offered = [services(self.study, manifest=manifest) for manifest in manifests]
        demo = build_demo(offered, languages=["en"])
        events = {}
        for event in demo.fns.values():
            events.setdefault(getattr(event.fn, "__name__", ""), []).append(event)
        self._choose = events["predict_if_chosen"]
        self._open_row = events["on_select"][0]
        events = {name: found[0] for name, found in events.items()}
        self._predict = events["show_prediction"]
        self._frame = events["frame_lesion"]
        self._keep = events["keep_shown"]
        self.photograph = photograph
        self.forget()

    def forget(self):
        """As a new session."""
        self.asked.clear()
        self.shown, self.chosen = None, None

    def study(self, image, *, box=None):
        self.asked.append(box)
        return framed(image, box=box)

    def predict(self, age=None):
        blocks = self._predict.inputs
        given = {"age": age}
        values = [given.get(block.elem_id) for block in blocks[3:-1]]
        before = self.shown, self.chosen
        return self._take(self._predict.fn(*before, str(self.photograph), *values, 60))

    def choose(self, network):
        """Another network: its answer, and whether the others left theirs."""
        given = [network, self.chosen, str(self.photograph), None, "unknown", "unknown", 60]
        found = [event.fn(*given) for event in self._choose]
        assert all(isinstance(one, list) for n, one in enumerate(found) if n != network)
        return self._take(found[network])

    def open_row(self, table, name):
        """Of Batch: the first output is the photograph's path, the last the box."""
        event = SimpleNamespace(row_value=["", name])
        path, *_, self.chosen = self._open_row.fn([str(self.photograph)], str(table), event)
        return path

    def frame(self, **sent):
        event = gr.EventData(None, sent)
        knobs = [60 if isinstance(b, gr.Slider) else "" for b in self._frame.inputs[1:]]
        knobs[0] = "MEL"
        knobs[2:5] = [45, "unknown", "unknown"]
        knobs[-2:] = ["case 7", "a note"]
        return self._take(self._frame.fn(self.shown, event, *knobs))

    def _take(self, filled):
        by_id = {getattr(block, "elem_id", None): value for block, value in filled.items()}
        self.shown = next(value for value in filled.values() if isinstance(value, Shown))
        self.chosen = filled[self._predict.inputs[1]]
        return SimpleNamespace(html=by_id["result"], ids=set(by_id), filled=by_id)


@pytest.fixture(scope="module")
def only_page(photograph):
    return Asking(photograph)


@pytest.fixture
def page(only_page, monkeypatch):
    folder = str(only_page.photograph.parent)
    monkeypatch.setattr("demo.photograph.get_upload_folder", lambda: folder)
    only_page.forget()
    return only_page


def test_another_lesion_changes_all_that_depends_on_it_and_nothing_else(page):
    page.predict(age=60)
    found, lesions = page.shown, page.shown.study.framed.finding.lesions
    before = found.probabilities["MEL"]
    answered = page.frame(box=list(lesions[1].box))
    assert page.shown.probabilities["MEL"] > before + 0.2
    assert page.shown.patient == found.patient
    assert page.asked == [None, lesions[1].box]
    reasons = {"why-patient", "why-image", "what-if", "similar", "report"}
    assert answered.ids == {None, "result", *reasons}  # the visitor's knobs stay
    saved = re.search(r"application/json;base64,([^\"]+)", answered.filled["report"])
    assert json.loads(base64.b64decode(saved[1]))["label"] == "case 7"
    data = report_data(page.shown, framing_manifest(), Remarks(), made="now")
    assert data["box"] == lesions[1].box
    assert data["probabilities"]["MEL"] == page.shown.probabilities["MEL"]
    # Another context is asked of the same lesion.
    page.predict(age=70)
    assert page.asked[-1] == page.shown.chosen == lesions[1].box
    # What was found is not looked for again.
    page.frame(box=None)
    assert page.shown.study is found.study
    assert page.shown.chosen is None
    assert len(page.asked) == 3


def test_a_chosen_box_stays_when_another_network_is_chosen_if_it_takes_boxes(page, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Info", lambda text, **options: said.append(text))
    page.predict()
    second = page.shown.study.framed.finding.lesions[1].box
    page.frame(box=list(second))
    page.choose(0)
    assert page.shown.chosen == page.chosen.box == second
    assert names(page.frame(box=list(second)).html)[1] == "Lesion 2 of 2, chosen"
    assert said == []
    page.asked.clear()
    page.choose(1)
    assert said == [WORDS.no_box]
    assert page.chosen is None
    assert page.asked == [None]
    page.choose(0)
    assert (page.shown.chosen, len(said)) == (None, 1)


def test_a_row_of_batch_opens_with_the_box_that_it_was_answered_with(page, tmp_path, monkeypatch):
    uploaded = str(page.photograph)
    monkeypatch.setattr("demo.tabs.batch.photograph_into", lambda image, content: uploaded)
    table = tmp_path / "boxes.csv"
    table.write_text('image,box\ntwo,"190,70,250,130"\n')
    assert page.open_row(table, "two") == uploaded
    page.predict()
    assert page.asked == [(190.0, 70.0, 250.0, 130.0), None]
    assert page.shown.chosen == (190, 70, 250, 130)
    # Another row is none of this box's.
    table.write_text("image,box\ntwo,\n")
    page.open_row(table, "two")
    page.predict()
    assert page.shown.chosen is None
    # Nor is another photograph.
    page.chosen = ChosenBox("other.png", (190.0, 70.0, 250.0, 130.0))
    page.predict()
    assert page.shown.chosen is None


@pytest.mark.parametrize(
    "box",
    [[10, 10, 10, 50], [400, 10, 500, 50], [1, 2, 3], ["a", 1, 2, 3], [None] * 4, "box", {"x": 1}],
)
def test_a_bad_box_is_said_in_the_pages_words(page, box):
    page.predict()
    with pytest.raises(gr.Error, match="no area or lies outside"):
        page.frame(box=box)
    assert page.shown.chosen is None


def test_two_lesions_of_a_photograph_are_two_cases(page):
    page.predict()
    tray = page._keep.fn(Tray(), page.shown)
    (tray,) = [value for value in tray.values() if isinstance(value, Tray)]
    page.frame(box=list(page.shown.study.framed.finding.lesions[1].box))
    assert not tray.holds(page.shown.upload, Patient(), page.shown.chosen)
    both = tray.add(page.shown.upload, page.shown.study, Patient(), page.shown.chosen)
    first, second = both.cases
    assert first.thumbnail != second.thumbnail  # the frame is drawn on them
    assert (first.box, second.box) == (None, page.shown.chosen)
    assert both.holds(page.shown.upload, Patient(), page.shown.chosen)


# === In the browser ===


@pytest.fixture(scope="module")
def framing_address():
    with served(framed, manifest=framing_manifest()) as address:
        yield address


def melanoma(window):
    return float(window.locator('tr[data-class="MEL"] .value').inner_text().split()[0])


def after(window, act):
    """Melanoma's probability once it has changed."""
    before = melanoma(window)
    act()
    window.wait_for_function(
        "before => parseFloat(document.querySelector('tr[data-class=\"MEL\"] .value')?.innerText)"
        " !== before",
        arg=before,
    )
    return melanoma(window)


def drag(window, start, end):
    """Across the picture, from and to shares of its sides."""
    box = window.locator(".lesions svg").bounding_box()

    def place(share):
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    window.mouse.move(*place(start))
    window.mouse.down()
    window.mouse.move(*place([(a + b) / 2 for a, b in zip(start, end, strict=True)]))
    window.mouse.move(*place(end))
    window.mouse.up()


def test_another_lesion_is_clicked_a_box_dragged_and_numbers_given(
    window, framing_address, photograph
):
    resize(window, 1280)
    open_page(window, framing_address)
    add_photograph(window, photograph)
    predict(window)
    left = melanoma(window)
    second = window.get_by_role("button", name="Lesion 2 of 2, not chosen")
    right = after(window, second.click)
    assert right > left + 20
    chosen = window.get_by_role("button", name="Lesion 2 of 2, chosen")
    assert chosen.evaluate("one => one === document.activeElement")
    # By keyboard.
    first = window.get_by_role("button", name="Lesion 1 of 2, not chosen")
    assert after(window, lambda: first.press("Enter")) == left
    # A box over the right edge, in whose middle the frame is.
    dragged = after(window, lambda: drag(window, (0.8, 0.2), (0.98, 0.6)))
    assert dragged == pytest.approx(90 * 0.89, abs=1)
    assert after(window, window.get_by_role("button", name=WORDS.found).click) == left
    drag(window, (0.5, 0.1), (0.505, 0.1))  # a click beside all lesions
    window.get_by_text(WORDS.numbers).click()
    for number, edge in enumerate((10, 10, 10, 90)):
        window.locator(".lesions input").nth(number).fill(str(edge))
    window.get_by_role("button", name=WORDS.frame).click()
    window.get_by_text("no area or lies outside").wait_for()
    assert melanoma(window) == left
    window.locator(".lesions input").nth(2).fill("50")
    assert after(window, window.get_by_role("button", name=WORDS.frame).click) == 9.0
    assert not window.get_by_text("has changed since").is_visible()
    # A box stays with its photograph, and an answer for earlier fields is not changed.
    window.locator("#age input").fill("50")
    window.get_by_text("has changed since").wait_for()
    window.get_by_role("button", name="Lesion 2 of 2").click()
    window.get_by_role("button", name="Predict").click()
    window.get_by_text("with age 50").wait_for()
    assert melanoma(window) == 9.0


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_lesions_fit_and_axe_finds_nothing(
    window, framing_address, axe, photograph, width, theme
):
    resize(window, width)
    open_page(window, f"{framing_address}?__theme={theme}")
    add_photograph(window, photograph)
    predict(window)
    window.get_by_role("button", name="Lesion 2 of 2").click()
    window.get_by_role("button", name=WORDS.found).wait_for()
    window.get_by_text(WORDS.numbers).click()
    assert_fits_and_axe_finds_nothing(window, axe, f"lesions-{width}-{theme}")
