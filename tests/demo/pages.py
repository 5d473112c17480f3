"""Pages served for the tests, with a made-up network behind them, and what visitors do there."""

import os
import runpy
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

from demo.examples import drawn_examples, of_task
from demo.page import build_demo, launch
from demo.rest import rest_routes
from demo.services import Services
from model.inference.bundle import RELEASED, read_manifest
from tests.fakes.study import made_up

SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""A folder for pictures of all tabs, if somebody wants to look at them."""

LOOKS = [(1280, "light"), (360, "dark")]
"""Widths in pixels and themes: axe looks at colours and names, not at how they combine."""

GRADIOS_OWN = {"image-redundant-alt"}  # the settings link in the footer
"""Rules of axe that Gradio's own controls break, whatever the page does."""


def services(study=made_up, ready=lambda: True, **others):
    """What a page is built on, with the shipped bundle's facts."""
    return Services(
        study=study,
        ready=ready,
        **({"manifest": read_manifest(RELEASED)} | others),
    )


def asking(task, classes, **others):
    """What a page is built on whose network answers another task and was never measured."""
    unmeasured = {key: {} for key in ("metrics", "operating_points", "data")}
    unstated = {"malignant": None, "precursors": []}
    changed = {"classes": classes, "training": {"task": task}, **unstated, **unmeasured, **others}
    manifest = replace(read_manifest(RELEASED), name=f"network of {task}", **changed)
    examples = of_task(drawn_once(), manifest.task)
    return services(
        partial(made_up, codes=list(classes)), manifest=manifest, examples=lambda: examples
    )


drawn_once = cache(drawn_examples)


def interval(value):
    """A figure with its confidence interval."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


MEASURED = {
    "malignant": {
        "at_90_sensitivity": {
            "threshold": 0.45,
            "sensitivity": interval(0.89),
            "specificity": interval(0.68),
        }
    }
}
"""What a threshold gave on a test set."""


@contextmanager
def served(study=made_up, ready=lambda: True, access=None, **others):
    """Serve the page on a free port; gives its address."""
    given = {"examples": drawn_once} | others
    built_on = services(study, ready, **given)
    with serving([built_on], access) as address:
        yield address


@contextmanager
def serving(offered, access=None):
    """Serve the page of several networks."""
    demo, routes = build_demo(offered), rest_routes(offered)
    _, address, _ = launch(demo, access, routes=routes, prevent_thread_lock=True, quiet=True)
    try:
        yield address
    finally:
        demo.close()


def why_the_page_stops(*words):
    """What ``python app.py`` and these words end with before there is a page."""
    command = ["app.py", *map(str, words)]
    with patch("demo.page.launch"), patch.object(sys, "argv", command):
        try:
            runpy.run_path(str(Path(__file__).parents[2] / "app.py"), run_name="__main__")
        except SystemExit as stop:
            return stop.code  # a text: the interpreter prints it and ends with status 1


def resize(page, width):
    """Make it so many pixels wide."""
    page.set_viewport_size({"width": width, "height": 800})


def open_page(page, address):
    """Go there and wait for the network."""
    page.goto(address)
    page.get_by_text("The network is ready").wait_for()


@contextmanager
def requests_of(page):
    """The addresses that it asks meanwhile."""
    asked = []

    def note(request):
        asked.append(request.url)

    page.on("request", note)
    yield asked
    page.remove_listener("request", note)


def add_photograph(page, photograph):
    """Upload it."""
    page.set_input_files("#image input[type=file]", photograph)
    page.locator("#image img").wait_for()


def predict(page):
    """Ask, and wait for the answer."""
    page.get_by_role("button", name="Predict").click()
    page.locator("table.bars").wait_for()


def assert_fits_and_axe_finds_nothing(page, axe, name):
    """What each tab must stand; pictured under the name where pictures are wanted."""
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    found = axe.run(page).response["violations"]
    assert {r["id"]: r["nodes"] for r in found if r["id"] not in GRADIOS_OWN} == {}, name
