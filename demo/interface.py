"""The page: one file a tab, put together here, and the endpoint for programs."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from demo.about_tab import add_about_tab
from demo.access import Access
from demo.batch_tab import add_batch_tab
from demo.classroom_tab import add_classroom_tab
from demo.data_tab import add_data_tab
from demo.events import QUIET
from demo.forgetting import forgetting, keep_no_copies, use_private_folder
from demo.headers import GuardedHeaders
from demo.inputs import open_study
from demo.limits import AT_ONCE, KEPT_SECONDS, MOST_BYTES
from demo.model_tab import add_model_tab
from demo.networks import Networks
from demo.predict_tab import add_predict_tab
from demo.rate_limit import RateLimit
from demo.services import Services
from demo.signature import parameter, takes
from demo.style import CSS, ICON, THEME, styled_html
from demo.texts import load_texts
from demo.uploads import fetch_nothing, require_all_values
from model.patient import Field, NumberField

_TABS = {
    "batch": add_batch_tab,
    "classroom": add_classroom_tab,
    "model": add_model_tab,
    "data": add_data_tab,
    "about": add_about_tab,
}
_ABOUT_API = """Probabilities (0 to 1) of the classes, by code: {codes}.

image: a dermoscopic photograph, as JPEG or PNG. {fields}.
None or "unknown" where unknown.
"""
_SWEEP_SECONDS = 600  # between two looks for uploads to delete


def build_demo(offered: Sequence[Services]) -> gr.Blocks:
    """Build the page of one or several networks; the first is chosen at first."""
    texts, networks = load_texts(), Networks(offered)
    use_private_folder()
    keep_no_copies()
    fetch_nothing(texts)
    keep = (_SWEEP_SECONDS, KEPT_SECONDS)
    with gr.Blocks(title=texts.page.title, analytics_enabled=False, delete_cache=keep) as demo:
        with gr.Row(elem_id="top"):
            styled_html(f"<h1>{texts.page.title}</h1><p>{texts.page.subtitle}</p>", elem_id="head")
            networks.add_chooser(texts)
            status = styled_html(f"<p>{texts.status.loading}</p>", elem_id="status")
        styled_html(f"<p>{texts.page.notice}</p>", elem_id="notice")
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab(texts.tabs.predict):
                add_predict_tab(demo, networks, texts)
            for name, add_tab in _TABS.items():
                with gr.Tab(getattr(texts.tabs, name)):
                    for services in networks.each():
                        add_tab(services, texts)
        networks.connect()
        _say_ready(demo, networks, status, texts)
        _add_api(offered[0], texts)
    require_all_values(demo, texts)
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
    middleware = [Middleware(GuardedHeaders)]
    if access.per_minute:
        middleware.append(Middleware(RateLimit, access.per_minute))
    return demo.launch(
        auth=list(access.logins) or None,
        app_kwargs={"middleware": middleware, "routes": list(routes), "lifespan": forgetting},
        theme=THEME,
        css=CSS,
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


def _say_ready(
    demo: gr.Blocks, networks: Networks, status: gr.HTML, texts: SimpleNamespace
) -> None:
    """Say when the chosen network is loaded."""

    def say_ready(chosen: int = 0) -> str:
        if networks.offered[chosen].ready():
            return f"<p>{texts.status.ready}</p>"
        return f'<p class="warning" role="alert">{texts.status.failed}</p>'

    # Without a limit of its own, visitors who wait for the network would hold up the others.
    waiting = {"concurrency_limit": None, **QUIET}
    demo.load(say_ready, None, status, **waiting)
    if networks.chooser:
        loading = f"<p>{texts.status.loading}</p>"
        begun = networks.chooser.input(lambda: loading, None, status, queue=False, **QUIET)
        begun.then(say_ready, networks.chooser, status, **waiting)


def _add_api(services: Services, texts: SimpleNamespace) -> None:
    fields = services.manifest.patient.fields
    given = []
    for field in fields:
        kind = float | str | None if isinstance(field, NumberField) else str | None
        given.append(parameter(field.key, kind, None))

    @takes(parameter("image", gr.FileData), *given)
    def predict_for_programs(image: gr.FileData, *values: object) -> dict:
        path = image.get("path") if isinstance(image, dict) else None
        keys = [field.key for field in fields]
        study, patient = open_study(services, path, dict(zip(keys, values, strict=True)), texts)
        return study.probabilities(patient)

    predict_for_programs.__doc__ = _ABOUT_API.format(
        codes=", ".join(services.manifest.codes), fields=". ".join(map(_accepted, fields))
    )
    gr.api(predict_for_programs, api_name="predict")


def _accepted(field: Field) -> str:
    """What programs may send, in a sentence."""
    if isinstance(field, NumberField):
        return f"{field.key}: a number of {field.unit} from {field.low:g} to {field.high:g}"
    return f"{field.key}: {', '.join(field.words)}"
