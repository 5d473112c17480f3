"""The page on a phone, with colours replaced by the system, and without motion."""

import pytest

from tests.demo.pages import add_photograph, open_page, predict

SMALL = """() => [...document.querySelectorAll('button, label:has([type=radio]), summary')]
  .filter(one => one.offsetParent && one.getClientRects().length)
  .map(one => [one.innerText || one.ariaLabel, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([name]) => name)"""
"""Names of targets that a finger would miss."""

TEXT_HEIGHTS = """() => [...document.querySelectorAll('#reasons svg text')]
  .filter(one => one.getBoundingClientRect().height)
  .map(one => [parseFloat(getComputedStyle(one).fontSize), one.getScreenCTM()])
  .map(([size, to]) => size * Math.hypot(to.b, to.d))"""

RING = """() => {
  const parts = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const linear = x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ring = light(parts(getComputedStyle(document.activeElement).outlineColor));
  let around = document.activeElement.parentElement;
  while (getComputedStyle(around).backgroundColor === 'rgba(0, 0, 0, 0)')
    around = around.parentElement;
  const page = light(parts(getComputedStyle(around).backgroundColor));
  return (Math.max(ring, page) + 0.05) / (Math.min(ring, page) + 0.05);
}"""
"""Contrast of the focus ring with the page."""


@pytest.fixture(scope="module")
def phone(window, address):
    window.set_viewport_size({"width": 360, "height": 740})
    open_page(window, address)
    return window


@pytest.fixture(scope="module")
def answered(phone):
    """Asked by one tap on an example."""
    phone.locator("#examples button").first.click()
    phone.locator("table.bars").wait_for()
    phone.locator("#why-patient svg").wait_for()
    return phone


def place(page, selector):
    return page.locator(selector).first.bounding_box()


def test_examples_come_first_and_clear_says_what_it_clears(phone):
    assert place(phone, "#examples")["y"] < place(phone, "#image")["y"]
    assert phone.get_by_role("button", name="Clear photograph and patient").is_visible()


def test_the_photograph_stays_beside_the_answer(answered):
    for row in ("MEL", "VASC"):
        bar = answered.locator(f'tr[data-class="{row}"]')
        bar.evaluate("row => row.scrollIntoView({block: 'center'})")
        box = place(answered, ".beside img")
        assert 0 <= box["y"] < 100
        assert bar.bounding_box()["y"] > box["y"] + box["height"]
    assert "Melanoma 32.5 %" in answered.locator(".beside").inner_text()


def test_bars_keep_marks_and_cut_offs_and_nothing_is_wider_than_the_phone(answered):
    rail = place(answered, 'tr[data-class="MEL"] .rail')
    assert rail["width"] > 300
    for mark in (".mark", ".cut-off", ".band"):
        assert answered.locator(f'tr[data-class="MEL"] {mark}').is_visible()
    assert answered.evaluate("document.documentElement.scrollWidth") <= 360


def test_targets_are_wide_and_high_enough_for_a_finger(answered):
    assert answered.evaluate(SMALL) == []


def test_the_text_of_charts_can_be_read(answered):
    for tab in ("Why: the patient", "What if"):
        answered.get_by_role("tab", name=tab).click()
        answered.locator("#reasons svg").last.wait_for()
        heights = answered.evaluate(TEXT_HEIGHTS)
        assert min(heights) >= 12, tab


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_focus_ring_stands_out(window, address, theme):
    open_page(window, f"{address}?__theme={theme}")
    window.locator("#predict").focus()
    window.keyboard.press("Shift+Tab")
    window.wait_for_timeout(500)  # colours change slowly
    assert window.evaluate(RING) >= 3


def test_where_the_system_replaces_colours_every_state_is_still_seen(window, address, photograph):
    window.emulate_media(forced_colors="active")
    open_page(window, address)
    add_photograph(window, photograph)
    window.locator("#age input").fill("80")
    predict(window)
    look = "(one, part) => getComputedStyle(one)[part]"
    bar, rail = (
        window.locator(f'tr[data-class="MEL"] .{name}').evaluate(look, "backgroundColor")
        for name in ("bar", "rail")
    )
    chosen = window.locator("#sex label:has(:checked)").evaluate(look, "outlineStyle")
    other = window.locator("#sex label:not(:has(:checked))").first
    window.emulate_media(forced_colors="none")
    assert bar != rail
    assert chosen == "solid"
    assert other.evaluate(look, "outlineStyle") == "none"


def test_who_wants_no_motion_gets_none(window, address):
    window.emulate_media(reduced_motion="reduce")
    open_page(window, address)
    moving = window.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(one => {
          const look = getComputedStyle(one);
          return look.animationName !== 'none' || parseFloat(look.transitionDuration) > 0;
        }).length"""
    )
    window.emulate_media(reduced_motion="no-preference")
    assert moving == 0
