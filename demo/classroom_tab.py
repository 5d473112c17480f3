"""The tab Classroom: a quiz on the examples, and what a threshold means for patients."""

from html import escape
from types import SimpleNamespace

import gradio as gr

from demo.charts import heat, people
from demo.html import picture
from demo.present import bars, context_words
from demo.quiz import Round, confusion, most_probable, score
from demo.services import Services
from demo.threshold import at_threshold, outcomes
from model.errors import ImageError
from model.patient import Patient

_QUIET = {"api_visibility": "private", "show_progress": "hidden"}
_COLOURS = {"found": "#d55e00", "missed": "#000000", "false": "#56b4e9", "cleared": "#c8c8c8"}


def add_classroom_tab(services: Services, texts: SimpleNamespace) -> None:
    """Lay both parts out."""
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab(texts.classroom.quiz):
            _quiz(services, texts)
        with gr.Tab(texts.classroom.threshold):
            _threshold(services, texts)


def _quiz(services: Services, texts: SimpleNamespace) -> None:
    words, names = texts.classroom, services.manifest.classes
    rounds = gr.State([])
    number = gr.State(0)
    gr.HTML(f'<p class="prose">{escape(words.quiz_intro)}</p>', apply_default_css=False)
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            start = gr.Button(words.next, variant="primary", elem_id="quiz-next")
            photograph = gr.HTML(elem_id="quiz-photograph", apply_default_css=False)
            choices = [(name, code) for code, name in names.items()]
            guess = gr.Radio(choices, label=words.guess, elem_id="quiz-guess")
            commit = gr.Button(words.commit, elem_id="quiz-commit")
        with gr.Column(scale=5, min_width=300):
            answer = gr.HTML(elem_id="quiz-answer", apply_default_css=False)
            standing = gr.HTML(elem_id="quiz-score", apply_default_css=False)

    def show(number: int) -> tuple:
        examples = services.examples()
        if not examples:
            raise gr.Error(words.no_examples, print_exception=False)
        example = examples[number % len(examples)]
        try:
            study = services.study(example.image)
        except ImageError as error:
            raise gr.Error(str(error), print_exception=False) from error
        kind = "" if example.real else f"<p>{escape(words.drawn)}</p>"
        return number + 1, picture(study.photograph, words.photograph) + kind, None, ""

    def reveal(number: int, guess: str | None, rounds: list[Round]) -> tuple:
        if not number or not guess:
            raise gr.Error(words.guess_first, print_exception=False)
        examples = services.examples()
        example = examples[(number - 1) % len(examples)]
        study = services.study(example.image)
        alone = study.probabilities(Patient())
        whole = study.probabilities(example.patient)
        played = Round(example.diagnosis, guess, most_probable(alone), most_probable(whole))
        if len(rounds) < number:
            rounds = [*rounds, played]
        said = [
            (words.truth, names[played.truth]),
            (words.you, names[played.guess]),
            (words.alone, names[played.alone]),
            (
                words.whole.format(context=context_words(example.patient, texts)),
                names[played.whole],
            ),
            (words.origin, example.origin),
        ]
        rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in said)
        drawn = bars(whole, names, alone=alone, patient=example.patient, texts=texts)
        return rounds, f"<dl>{rows}</dl>{drawn}", _standing(rounds, services, texts)

    start.click(show, number, [number, photograph, guess, answer], **_QUIET)
    commit.click(reveal, [number, guess, rounds], [rounds, answer, standing], **_QUIET)


def _standing(rounds: list[Round], services: Services, texts: SimpleNamespace) -> str:
    words, found = texts.classroom, score(rounds)
    said = words.score.format(
        rounds=found.rounds, guesses=found.guesses, alone=found.alone, whole=found.whole
    )
    codes = services.manifest.codes
    drawn = heat(confusion(rounds, codes), codes, title=words.confusion)
    return f"<h2>{escape(said)}</h2><p>{escape(words.confusion)}</p>{drawn}"


def _threshold(services: Services, texts: SimpleNamespace) -> None:
    words = texts.classroom
    stored = services.manifest.metrics.get("test", {}).get("by_threshold", {}).get("melanoma")
    if not stored:
        gr.HTML(f"<p>{escape(words.no_figures)}</p>", apply_default_css=False)
        return
    gr.HTML(f'<p class="prose">{escape(words.threshold_intro)}</p>', apply_default_css=False)
    with gr.Row():
        threshold = gr.Slider(0, 100, 20, step=1, label=words.threshold_label, elem_id="threshold")
        prevalence = gr.Slider(0, 30, 2, step=0.5, label=words.prevalence, elem_id="prevalence")
    chart = gr.HTML(
        patients(stored, 20, 2, texts), elem_id="threshold-chart", apply_default_css=False
    )

    def draw(threshold: float, prevalence: float) -> str:
        return patients(stored, threshold, prevalence, texts)

    for knob in (threshold, prevalence):
        knob.input(draw, [threshold, prevalence], chart, trigger_mode="always_last", **_QUIET)


def patients(
    stored: dict[str, list[float]], threshold: float, prevalence: float, texts: SimpleNamespace
) -> str:
    """Draw and say what a threshold (per cent) means for a thousand patients."""
    words = texts.classroom
    sensitivity, specificity = at_threshold(stored, threshold / 100)
    found = outcomes(sensitivity, specificity, prevalence=prevalence / 100)
    groups = {
        words.found: (found.found, _COLOURS["found"]),
        words.missed: (found.missed, _COLOURS["missed"]),
        words.false_alarms: (found.false_alarms, _COLOURS["false"]),
        words.cleared: (found.cleared, _COLOURS["cleared"]),
    }
    key = "".join(
        f'<li><span class="dot" style="background:{colour}"></span>{count:,} {escape(name)}</li>'
        for name, (count, colour) in groups.items()
    )
    said = words.meaning.format(
        sensitivity=f"{sensitivity:.0%}",
        specificity=f"{specificity:.0%}",
        called=found.called,
        found=found.found,
    )
    drawn = people(groups, title=said)
    return f'<p>{escape(said)}</p><ul class="key">{key}</ul>{drawn}'
