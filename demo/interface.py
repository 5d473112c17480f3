"""The page."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import gradio as gr

from demo.present import bars, placeholder
from demo.style import CSS, THEME
from demo.texts import load_texts
from model.errors import ImageError, PatientError
from model.patient import AGE_RANGE, UNKNOWN, Patient

Predict = Callable[[Path, Patient], Mapping[str, float]]

UPLOAD_LIMIT = "20mb"
_SWEEP_SECONDS, _KEEP_SECONDS = 600, 3000  # uploads are gone within the hour


def build_demo(
    predict: Predict,
    *,
    ready: Callable[[], bool],
    names: Mapping[str, str],
    sexes: tuple[str, ...],
    sites: tuple[str, ...],
) -> gr.Blocks:
    """Build the page.

    Args:
        predict: gives probabilities by class code for an image file and a patient; it may wait
            until the network is loaded.
        ready: waits until the network is loaded; false when that failed.
        names: class code → full name, in the order in which the bars are shown.
        sexes: the words of the field sex.
        sites: the words of the field anatomical site.
    """
    texts = load_texts()
    keep = (_SWEEP_SECONDS, _KEEP_SECONDS)
    with gr.Blocks(title=texts.page.title, analytics_enabled=False, delete_cache=keep) as demo:
        _html(f"<h1>{texts.page.title}</h1><p>{texts.page.subtitle}</p>", "head")
        _html(f"<p>{texts.page.notice}</p>", "notice")
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                image = _image_input(texts)
                with gr.Row():
                    age = _age_input(texts)
                    sex = _words(texts.inputs.sex, sexes, texts, scale=2)
                site = _words(texts.inputs.site, sites, texts)
                with gr.Row():
                    clear = gr.Button(texts.inputs.clear)
                    button = gr.Button(texts.inputs.predict, variant="primary")
            with gr.Column(scale=6, min_width=300):
                status = _html(f"<p>{texts.status.loading}</p>", "status")
                result = _html(placeholder(texts), "result")

        def show(image: str | None, age: object, sex: str, site: str) -> str:
            patient, probabilities = _answer(predict, image, (age, sex, site), texts)
            return bars(probabilities, names, patient=patient, texts=texts)

        def say_ready() -> str:
            return f"<p>{texts.status.ready if ready() else texts.status.failed}</p>"

        fields = [image, age, sex, site]
        only_here = {"api_visibility": "private"}
        button.click(show, fields, result, scroll_to_output=True, **only_here)
        emptied = [None, None, UNKNOWN, UNKNOWN, placeholder(texts)]
        clear.click(lambda: emptied, None, [*fields, result], queue=False, **only_here)
        # A Number that starts as None is shown and sent as 0; one that is set to None is empty.
        demo.load(lambda: None, None, age, queue=False, show_progress="hidden", **only_here)
        # Without a limit of its own, visitors who wait for the network would hold up the others.
        demo.load(
            say_ready, None, status, concurrency_limit=None, show_progress="hidden", **only_here
        )
        _add_api(predict, texts)
    return demo.queue(default_concurrency_limit=4, max_size=64, api_open=False)


def launch(demo: gr.Blocks, **options: object) -> tuple:
    """Serve the page with the settings that keep uploads private; options go to ``launch``."""
    return demo.launch(
        theme=THEME,
        css=CSS,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        max_file_size=UPLOAD_LIMIT,
        show_error=False,
        strict_cors=True,
        state_session_capacity=500,
        footer_links=["api", "gradio", "settings"],
        **options,
    )


def _answer(
    predict: Predict, image: str | None, context: tuple, texts: SimpleNamespace
) -> tuple[Patient, Mapping[str, float]]:
    """Check and predict; what the visitor can mend becomes a sentence on the page."""
    if not image:
        raise gr.Error(texts.errors.no_image, print_exception=False)
    try:
        patient = Patient.parse(*context)
        return patient, predict(Path(image), patient)
    except (ImageError, PatientError) as error:
        raise gr.Error(str(error), print_exception=False) from error
    except RuntimeError as error:
        raise gr.Error(texts.status.failed, print_exception=False) from error


def _add_api(predict: Predict, texts: SimpleNamespace) -> None:
    def predict_for_programs(
        image: gr.FileData,
        age: float | str | None = None,
        sex: str | None = None,
        site: str | None = None,
    ) -> dict:
        """Probabilities (0 to 1) of the eight diagnoses, by code: MEL, NV, BCC and so on.

        image: a dermoscopic photograph, as JPEG or PNG. age: in years. sex: female or male.
        site: one of the challenge's words, such as head/neck. None or "unknown" where unknown.
        """
        path = image.get("path") if isinstance(image, dict) else None
        return dict(_answer(predict, path, (age, sex, site), texts)[1])

    gr.api(predict_for_programs, api_name="predict")


def _html(content: str, elem_id: str) -> gr.HTML:
    return gr.HTML(content, elem_id=elem_id, apply_default_css=False)


def _image_input(texts: SimpleNamespace) -> gr.Image:
    image = gr.Image(
        type="filepath",
        sources=["upload", "clipboard", "webcam"],
        label=texts.inputs.image,
        alt_text=texts.inputs.image_alt,
        height=240,
        elem_id="image",
    )
    # Gradio would open the file itself and fail without a word that a visitor can use.
    image.preprocess = lambda upload: upload and upload.path
    return image


def _age_input(texts: SimpleNamespace) -> gr.Number:
    low, high = AGE_RANGE
    return gr.Number(
        label=texts.inputs.age,
        placeholder=texts.inputs.age_placeholder,
        minimum=low,
        maximum=high,
        elem_id="age",
        min_width=120,
    )


def _words(
    label: str, words: tuple[str, ...], texts: SimpleNamespace, *, scale: int = 1
) -> gr.Radio:
    choices = [*((word, word) for word in words), (texts.inputs.unknown, UNKNOWN)]
    return gr.Radio(choices, value=UNKNOWN, label=label, min_width=160, scale=scale)
