"""What changes Gradio, or leans on parts of it that it does not document.

Checked against Gradio 6.31.0. Each entry names the upstream issue as far as there is one;
``tests/demo/test_gradio_patches.py`` fails where Gradio no longer behaves as described here.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import gradio as gr
from fastapi.templating import Jinja2Templates
from gradio import processing_utils, routes
from gradio.state_holder import SessionState, StateHolder
from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

CHECKED = "6.31.0"
"""The Gradio that all of this was checked against, as pinned for the Space."""

UNUSED_ROUTES = (
    "/gradio_api/deep_link",  # would store a session's fields on the server
    "/gradio_api/proxy=",
    "/gradio_api/process_recording",
    "/gradio_api/run-history",
    "/gradio_api/vibe",
    "/gradio_api/undo-vibe",
    "/monitoring",
)
"""Beginnings of Gradio's addresses that this page has no use for, and that no setting closes."""

UNSERVED_ANSWERS = {
    "/monitoring/summary": (200, {"functions": {}}),
    "/gradio_api/mcp/schema": (300, None),  # not found would be an error in the browser's console
}
"""What Gradio's panel on the API asks for, though none of it is served, with status and body."""

UPLOADS_ROUTE = "/gradio_api/file="

_MARKUP = str.maketrans("<>", "‹›")


def user_error(sentence: object) -> gr.Error:
    """What to raise for something that the visitor or program can mend.

    A sentence may repeat the name of a file or the cell of a table, and Gradio shows the message of
    an error as HTML (gradio-app/gradio#8817).
    """
    return gr.Error(str(sentence).translate(_MARKUP), print_exception=False)


# === Pages ===


def begin_page(demo: gr.Blocks, path: str, name: str) -> None:
    """Let what is laid out next be on another page of the same application.

    ``Blocks.route`` does the same, but builds the whole application once more for each page. No
    issue is known.
    """
    demo.pages.append((path, name, False))
    demo.current_page = path


# Gradio asks the browser for a language before anything of the page runs, and calls the document by
# what it found. No issue is known.
_SPEAK_LANGUAGE = """<script>{
  const root = document.documentElement, lang = root.lang;
  Object.defineProperty(navigator, 'language', {get: () => lang});
  Object.defineProperty(navigator, 'languages', {get: () => [lang]});
  const keep = () => { if (root.lang !== lang) root.lang = lang; };
  new MutationObserver(keep).observe(root, {attributeFilter: ['lang']});
}</script>"""
_LANG, _HEAD = 'lang="en"', "<head>"


def serve_languages(pages: Mapping[str, tuple[str, str]]) -> None:
    """Serve each page, by its path, in a language under a title; for all applications.

    Gradio calls every page English, has one title for all, and takes the browser's language for its
    own words. These then follow the page's language where Gradio has it, else they are English. No
    issue is known.
    """
    templates = routes.templates

    def answer(*, request: Request, context: dict, **others: object) -> Response:
        last = request.url.path.rstrip("/").rpartition("/")[2]
        language, title = pages.get(last, pages[""])
        context["config"]["title"] = title
        context["config"]["pages"] = [("", title, True)]  # several would be shown in a bar
        response = Jinja2Templates.TemplateResponse(
            templates, request=request, context=context, **others
        )
        page = response.body.decode()
        page = page.replace(_LANG, f'lang="{language}"', 1)
        page = page.replace(_HEAD, _HEAD + _SPEAK_LANGUAGE, 1)
        return HTMLResponse(page, response.status_code)

    templates.TemplateResponse = answer


# === Components ===


def keep_path(image: gr.Image) -> None:
    """Give handlers the path of an upload as it is.

    Gradio would open the file itself, and fail on a damaged one without a word that a visitor can
    use. No issue is known.
    """
    image.preprocess = lambda upload: upload and upload.path


def keep_number(number: gr.Number) -> None:
    """Give handlers whatever was sent, which they refuse by name and with the next step.

    Gradio's own message about a number out of range has neither (gradio-app/gradio#3991).
    """
    number.preprocess = lambda value: value


def empty_on_load(demo: gr.Blocks, number: gr.Number, **options: object) -> None:
    """Empty a number when the page loads.

    One that starts as None is shown and sent as 0, one that is set to None is empty
    (gradio-app/gradio#6728).
    """
    demo.load(lambda: None, None, number, queue=False, **options)


def into_cache(component: gr.components.Component, image: Path | bytes, name: str) -> str:
    """Lay an image where a component's uploads lie; gives its path.

    The functions and the folder's name are not documented. No issue is known.
    """
    if isinstance(image, bytes):
        return processing_utils.save_bytes_to_cache(image, name, component.GRADIO_CACHE)
    return processing_utils.save_file_to_cache(image, component.GRADIO_CACHE)


def event_value(event: gr.EventData, key: str) -> object:
    """What the page's script sent with an event; None if it did not.

    Gradio's own attribute access raises where a request has no such key. No issue is known.
    """
    return event._data.get(key) if isinstance(event._data, dict) else None


# === The page's head and the panel on its API ===


def describe_page(description: str, picture: str) -> None:
    """Tell those who are sent a link what the page is, with a picture at a path of its own.

    Gradio's template describes Gradio first, with a picture from GitHub, and looks for its manifest
    at the root of the host, which a page below a path does not have. No issue is known.
    """
    name, environment = "frontend/index.html", routes.templates.env
    gradios = FileSystemLoader(routes.STATIC_TEMPLATE_LIB)
    source, _, _ = gradios.get_source(environment, name)
    head = _SHARED.format(description=escape(description), picture=picture)
    source = re.sub(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>', "", source)
    source = source.replace('href="/manifest.json"', 'href="manifest.json"')
    changed = DictLoader({name: source.replace("<head>", f"<head>{head}", 1)})
    environment.loader = ChoiceLoader([changed, gradios])


_SHARED = """
<meta name="description" content="{description}" />
<meta property="og:type" content="website" />
<meta property="og:title" content="{{{{ config['title'] }}}}" />
<meta property="og:description" content="{description}" />
<meta property="og:url" content="{{{{ config['root'] }}}}" />
<meta property="og:image" content="{{{{ config['root'] }}}}{picture}" />
<meta name="twitter:card" content="summary_large_image" />
"""


def describe_parameters(demo: gr.Blocks, endpoint: str, file: str) -> None:
    """Call an endpoint's parameters by their names on the API's panel, and give it a file.

    Gradio calls all of them "API" and shows dots for a file. No issue is known.
    """
    for function in demo.fns.values():
        if function.api_name != endpoint:
            continue
        names = inspect.signature(function.fn).parameters
        for name, component in zip(names, function.inputs, strict=True):
            component.label = name.capitalize()  # in small letters some are words of Gradio's
            if "path" in component.api_info().get("properties", {}):
                example = {"path": file, "url": file, "meta": {"_type": "gradio.FileData"}}
                component.example_payload = lambda example=example: example


# === Requests ===


def fetch_nothing(error: Callable[[], Exception]) -> None:
    """Make Gradio refuse an address in place of a file, which it would else download.

    It keeps to public addresses (GHSA-3xvj-7669-6whx, gradio-app/gradio#13436), but a page that
    answers about uploads needs none, and there is no setting. All its downloads go through this
    one function.
    """

    async def refuse(url: str) -> None:
        raise error()

    processing_utils.async_ssrf_protected_get = refuse


def require_all_values(demo: gr.Blocks, error: Callable[[int, int], Exception]) -> None:
    """Refuse a request with too few values by ``error(needed, given)``.

    Gradio would log what the request holds (as in gradio-app/gradio#5908). Values at the end that
    have a default may be left out, which Gradio's client fills in and other programs cannot know.
    """
    check = demo.validate_inputs

    def require(event: gr.block_function.BlockFunction, values: list) -> None:
        parameters = inspect.signature(event.fn).parameters.values() if event.fn else ()
        defaults = [one.default for one in parameters][len(values) : len(event.inputs)]
        if inspect.Parameter.empty not in defaults:
            values += defaults
        try:
            check(event, values)
        except ValueError as found:
            raise error(len(event.inputs), len(values)) from found

    demo.validate_inputs = require


# === Sessions ===


def keep_no_copies() -> None:
    """Keep Gradio from copying every field and output of a session.

    The copies are for deep links (gradio-app/gradio#10834), which this page does not offer; they
    hold photographs, and were given to other sessions once (gradio-app/gradio#11201). There is no
    setting.
    """
    SessionState._update_value_in_config = lambda self, key, value: None


def change_states(sessions: StateHolder, kind: type, change: Callable) -> None:
    """Change the values of a kind in all sessions; they live no longer for it.

    Gradio deletes a value as a whole, in its own time. No issue is known.
    """
    with sessions.lock:
        for session in list(sessions.session_data.values()):
            for number, value in list(session.state_data.items()):
                if isinstance(value, kind):
                    session.state_data[number] = change(value)


def drop_idle_sessions(sessions: StateHolder, now: datetime, *, seconds: float) -> None:
    """Drop the sessions that were last used longer ago.

    Gradio drops values an hour after a tab is closed, and a session only when there are too many
    (gradio-app/gradio#7517).
    """
    for name, used in list(sessions.time_last_used.items()):
        if (now - used).total_seconds() > seconds:
            with sessions.lock:
                sessions.session_data.pop(name, None)
                sessions.time_last_used.pop(name, None)
