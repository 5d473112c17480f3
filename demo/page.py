"""The page: header, tabs and session, the endpoint for programs, and how all of it is served."""

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from demo.access import AT_ONCE, KEPT_SECONDS, MOST_BYTES, Access, RateLimit, SecurityHeaders
from demo.endpoint import ENDPOINT, add_endpoint
from demo.examples import draw
from demo.gradio_patches import (
    begin_page,
    describe_page,
    describe_parameters,
    fetch_nothing,
    keep_no_copies,
    require_all_values,
    serve_languages,
    user_error,
)
from demo.inputs import QUIET, styled_html
from demo.scripts import HEAD
from demo.services import Networks, Services
from demo.session import expiring_sessions, use_private_folder
from demo.styles import CSS, ICON, THEME
from demo.tabs.about import add_about
from demo.tabs.batch import add_batch
from demo.tabs.cases import add_cases
from demo.tabs.classroom import add_classroom
from demo.tabs.data import add_data
from demo.tabs.model import add_model
from demo.tabs.predict import add_predict
from demo.templates import Templates
from demo.texts import LANGUAGES, Texts, load_texts

_PICTURE = "/shared.png"
_PICTURE_SIZE = (1200, 630)  # pixels, as Open Graph recommends
_SWEEP_SECONDS = 600  # between two looks for uploads to delete


def build_demo(offered: Sequence[Services], *, languages: Sequence[str] = LANGUAGES) -> gr.Blocks:
    """Build a page per language of one or several networks, of which the first is chosen at first.

    The first language's page is at the root, another one's below it, as ``/ru``.
    """
    pages = {language if n else "": load_texts(language) for n, language in enumerate(languages)}
    texts = pages[""]
    use_private_folder()
    keep_no_copies()
    describe_page(texts.page.subtitle, _PICTURE)
    fetch_nothing(lambda: user_error(texts.errors.not_uploaded))
    keep = (_SWEEP_SECONDS, KEPT_SECONDS)
    with gr.Blocks(title=texts.page.title, analytics_enabled=False, delete_cache=keep) as demo:
        add_endpoint(offered[0], texts)
        for path, in_language in pages.items():
            if path:
                begin_page(demo, path, in_language.language.name)
            _add_page(demo, offered, in_language, pages)
    serve_languages({p: (t.language.code, t.page.title) for p, t in pages.items()})
    describe_parameters(demo, ENDPOINT, "photograph.jpg")

    def too_few(needed: int, given: int) -> gr.Error:
        return user_error(texts.errors.too_few.format(needed=needed, given=given))

    require_all_values(demo, too_few)
    return demo.queue(default_concurrency_limit=AT_ONCE, max_size=256, api_open=False)


def launch(
    demo: gr.Blocks,
    access: Access | None = None,
    *,
    routes: Sequence[BaseRoute] = (),
    **options: object,
) -> tuple:
    """Serve the page with the settings that keep uploads private; options go to ``launch``.

    ``routes`` are served beside the page and come before its own.
    """
    access = access or Access()
    middleware = [Middleware(SecurityHeaders)]
    if access.per_minute:
        middleware.append(Middleware(RateLimit, access.per_minute))
    return demo.launch(
        auth=list(access.logins) or None,
        app_kwargs={
            "middleware": middleware,
            "routes": [Route(_PICTURE, _shared_picture), *routes, *_without_slash(demo)],
            "lifespan": expiring_sessions,
        },
        theme=THEME,
        css=CSS,
        head=HEAD,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        max_file_size=MOST_BYTES,
        show_error=False,
        strict_cors=True,
        state_session_capacity=200,
        favicon_path=ICON,
        footer_links=["api", "gradio", "settings"],
        **options,
    )


def _add_page(
    demo: gr.Blocks, offered: Sequence[Services], texts: Texts, pages: Mapping[str, Texts]
) -> None:
    templates, networks = Templates(texts), Networks([one.in_language(texts) for one in offered])
    _add_header(demo, networks, templates, pages)
    _add_tabs(demo, networks, templates)
    networks.connect()


def _add_header(
    demo: gr.Blocks, networks: Networks, templates: Templates, pages: Mapping[str, Texts]
) -> None:
    texts = templates.texts
    languages = {path: one.language for path, one in pages.items()}
    with gr.Row(elem_id="top"):
        styled_html(templates.render("header", languages=languages), elem_id="head")
        networks.add_chooser(texts.page.network)
        status = styled_html(templates.render("status", state="loading"), elem_id="status")
    styled_html(templates.render("notice"), elem_id="notice")
    _say_ready(demo, networks, status, templates)


def _without_slash(demo: gr.Blocks) -> list[BaseRoute]:
    """Lead from ``/ru/`` to ``/ru`` by a relative address; Gradio's own forgets a proxy's path."""

    def redirect(path: str) -> Route:
        return Route(f"/{path}/", lambda request: RedirectResponse(f"../{path}", 308))

    return [redirect(path) for path, *_ in demo.pages if path]


def _add_tabs(demo: gr.Blocks, networks: Networks, templates: Templates) -> None:
    names = templates.texts.tabs
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab(names.predict, id="predict"):
            form, results = add_predict(demo, networks, templates)
        with gr.Tab(names.cases):
            for services, result in zip(networks.each(), results, strict=True):
                add_cases(services, templates, result.keep, result.shown)
        with gr.Tab(names.batch):
            for services in networks.each():
                opened = add_batch(services, templates, form)
                opened.then(lambda: gr.Tabs(selected="predict"), None, tabs, **QUIET)
        with gr.Tab(names.classroom):
            for services in networks.each():
                add_classroom(services, templates)
        with gr.Tab(names.model):
            for services in networks.each():
                add_model(services, templates)
        with gr.Tab(names.data):
            for services in networks.each():
                add_data(services, templates)
        with gr.Tab(names.about):
            for services in networks.each():
                add_about(services, templates)


def _say_ready(demo: gr.Blocks, networks: Networks, status: gr.HTML, templates: Templates) -> None:
    """Say when the chosen network is loaded."""

    def say_ready(chosen: int = 0) -> str:
        state = "ready" if networks.offered[chosen].ready() else "failed"
        return templates.render("status", state=state)

    # Without a limit of its own, visitors who wait for the network would hold up the others.
    waiting = {"concurrency_limit": None, **QUIET}
    demo.load(say_ready, None, status, **waiting)
    if networks.chooser:
        loading = templates.render("status", state="loading")
        begun = networks.chooser.input(lambda: loading, None, status, queue=False, **QUIET)
        begun.then(say_ready, networks.chooser, status, **waiting)


async def _shared_picture(request: Request) -> Response:
    return Response(_drawn_picture(), media_type="image/png")


@cache
def _drawn_picture() -> bytes:
    """What a shared link shows, as PNG: a drawn lesion, never a photograph."""
    buffer = BytesIO()
    lesion = draw("#5a3420", seed=4, size=_PICTURE_SIZE)
    lesion.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
