"""What the page changes in Gradio is still needed, and what it leans on is still there.

Where one of these fails after an upgrade, Gradio has changed: look at the entry of that name in
``demo/gradio_patches.py``, then drop it or mend it.
"""

import asyncio
import inspect
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import gradio as gr
import pytest
import yaml
from gradio import processing_utils
from gradio.route_utils import API_PREFIX
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder

from demo import gradio_patches
from demo.gradio_patches import (
    CHECKED,
    UNUSED_ROUTES,
    UPLOADS_ROUTE,
    begin_page,
    drop_idle_sessions,
    empty_on_load,
    event_value,
    fetch_nothing,
    into_cache,
    keep_no_copies,
    keep_number,
    keep_path,
    require_all_values,
    user_error,
)
from tests.drawings import draw_lesion, encoded

README = Path(__file__).parents[2] / "README.md"


class OwnError(Exception):
    """What a patch is told to raise."""


@pytest.fixture
def demo():
    with gr.Blocks() as demo:
        number = gr.Number(label="Age", minimum=0, maximum=120)
        image = gr.Image(type="filepath")
        number.input(lambda *values: None, [number, image], None)
    demo.number, demo.image = number, image
    return demo


def test_all_was_checked_against_the_gradio_that_is_pinned():
    settings = yaml.safe_load(README.read_text(encoding="utf-8").split("---\n")[1])
    assert settings["sdk_version"] == CHECKED
    assert CHECKED in gradio_patches.__doc__


def test_gradio_opens_an_image_itself_and_fails_on_a_damaged_one(demo, tmp_path):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_text("no photograph")
    upload = gr.image_utils.ImageData(path=str(damaged))
    with pytest.raises(Exception, match="cannot identify image"):
        gr.Image(type="pil").preprocess(upload)
    keep_path(demo.image)
    assert demo.image.preprocess(upload) == str(damaged)
    assert demo.image.preprocess(None) is None


def test_gradio_does_not_say_which_number_is_out_of_range(demo):
    with pytest.raises(gr.Error) as caught:
        demo.number.preprocess(150)
    assert "Age" not in str(caught.value)
    keep_number(demo.number)
    assert demo.number.preprocess(150) == 150


def test_a_number_that_starts_as_none_is_emptied_by_a_load_event(demo):
    """That the browser shows 0 otherwise, tests/demo/test_page.py would show."""
    with demo:
        empty_on_load(demo, demo.number)
    (event,) = [e for e in demo.fns.values() if (demo._id, "load") in e.targets]
    assert event.fn() is None
    assert event.outputs == [demo.number]


def test_an_image_is_laid_where_gradio_lets_a_component_read(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(demo.image, "GRADIO_CACHE", str(tmp_path / "cache"))
    content = encoded(draw_lesion(0, seed=1))
    file = tmp_path / "lesion.jpg"
    file.write_bytes(content)
    for image in (content, file):
        path = Path(into_cache(demo.image, image, "example.jpg"))
        assert path.read_bytes() == content
        assert path.is_relative_to(tmp_path / "cache")


def test_gradios_event_raises_where_a_request_lacks_a_key():
    event = gr.EventData(None, {"number": 1})
    assert event_value(event, "number") == event.number == 1
    assert event_value(event, "other") is event_value(gr.EventData(None, None), "number") is None
    with pytest.raises(AttributeError):
        _ = event.other


def test_gradio_would_fetch_an_address_and_does_so_through_one_function(monkeypatch):
    def raise_own():
        return OwnError()

    download = inspect.getsource(processing_utils.async_ssrf_protected_download)
    assert "await async_ssrf_protected_get(" in download
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", None)
    fetch_nothing(raise_own)
    with pytest.raises(OwnError):
        asyncio.run(processing_utils.async_ssrf_protected_get("https://example.com/a.jpg"))


def test_gradio_repeats_the_values_of_a_request_with_too_few(demo):
    (event,) = demo.fns.values()
    with pytest.raises(ValueError, match="my secret"):
        demo.validate_inputs(event, ["my secret"])
    require_all_values(demo, lambda needed, given: OwnError(f"{given} of {needed}"))
    with pytest.raises(OwnError, match="1 of 2"):
        demo.validate_inputs(event, ["my secret"])
    demo.validate_inputs(event, [1, 2])
    event.fn = lambda first, second=5: None
    filled = [1]
    demo.validate_inputs(event, filled)
    assert filled == [1, 5]
    with pytest.raises(OwnError, match="0 of 2"):
        demo.validate_inputs(event, [])


def test_gradio_copies_the_values_of_a_session(demo, monkeypatch):
    copied = []

    def copy(session, key, value):
        copied.append(value)

    monkeypatch.setattr(SessionState, "_update_value_in_config", copy)
    asyncio.run(demo.preprocess_data(demo.fns[0], [87, None], SessionState(demo)))
    assert copied == [87, None]
    keep_no_copies()
    asyncio.run(demo.preprocess_data(demo.fns[0], [88, None], SessionState(demo)))
    assert copied == [87, None]


def test_gradio_keeps_sessions_that_nobody_uses(demo):
    sessions = StateHolder()
    sessions.set_blocks(demo)
    used = sessions["somebody"]
    assert used is sessions.session_data["somebody"]
    now = sessions.time_last_used["somebody"] = datetime.now()
    drop_idle_sessions(sessions, now + timedelta(seconds=9), seconds=10)
    assert "somebody" in sessions
    drop_idle_sessions(sessions, now + timedelta(seconds=11), seconds=10)
    assert "somebody" not in sessions
    assert sessions.time_last_used == {}


def test_gradio_has_the_routes_that_are_closed(demo):
    own = App.create_app(demo).routes
    routers = [route.original_router for route in own if hasattr(route, "original_router")]
    included = [route for router in routers for route in router.routes]
    routes = [getattr(route, "path", "") for route in (*own, *included)]
    for beginning in (*UNUSED_ROUTES, UPLOADS_ROUTE):
        assert beginning.startswith((API_PREFIX, "/monitoring"))
        assert [route for route in routes if route.startswith(beginning)], beginning


def test_the_message_of_an_error_has_no_markup():
    assert user_error("<img src=x>").message == "‹img src=x›"
    assert user_error("").print_exception is False


def test_gradio_still_calls_every_page_english_and_builds_an_application_per_page(demo):
    page = (Path(gr.__file__).parent / "templates/frontend/index.html").read_text(encoding="utf-8")
    assert (page.count(gradio_patches._LANG), page.count(gradio_patches._HEAD)) == (1, 1)
    before = demo.app
    with demo.route("Second", "second"):
        assert demo.current_page == "second"
    assert demo.app is not before
    assert demo.pages[-1] == ("second", "Second", True)


def test_what_follows_is_on_the_page_that_was_begun():
    with gr.Blocks() as demo:
        first = gr.Textbox()
        begin_page(demo, "ru", "Русский")
        second = gr.Textbox()
        second.change(lambda text: text, second, second)
    pages = demo.get_config_file()["page"]
    assert first._id in pages[""]["components"]
    assert second._id not in pages[""]["components"]
    assert second._id in pages["ru"]["components"]
    assert (pages[""]["dependencies"], len(pages["ru"]["dependencies"])) == ([], 1)


IMPORTED = """
import inspect, sys
asked, find = [], inspect.getfile
def getfile(thing):
    asked.append(thing)
    return find(thing)
inspect.getfile = getfile
__import__(sys.argv[1])
assert inspect.getfile is getfile
print(sum(isinstance(one, type) and one.__module__.startswith("gradio.") for one in asked))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("module", "stubs"), [("demo", False), ("gradio", True)])
def test_the_page_spares_gradio_its_type_stubs(module, stubs):
    command = [sys.executable, "-c", IMPORTED, module]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (int(said) > 50) == stubs
