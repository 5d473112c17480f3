"""The classroom's quiz: a guess first, then the network's answer without context, then with it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from types import SimpleNamespace

import gradio as gr

from demo.charts import bars as chart
from demo.charts import heat
from demo.events import PRIVATE, QUIET
from demo.html import picture, table
from demo.limits import KEPT_SECONDS
from demo.present import bars, code_key, context_words, most_probable
from demo.quiz import Round, confusion, score
from demo.refusal import refusal, refusing
from demo.services import Example, Services
from demo.style import styled_html
from model.inference.study import Study
from model.patient import Field, Patient


@dataclass(frozen=True)
class Asked:
    """What a class looks at, and what it has said."""

    example: Example
    study: Study
    guess: str | None = None
    told: bool = False  # the answer; the round is counted


def add_quiz(services: Services, texts: SimpleNamespace) -> None:
    """Lay the quiz out and connect it."""
    words = texts.classroom
    view = SimpleNamespace(
        deck=gr.State([]),  # examples that this class has not seen
        asked=gr.State(None, time_to_live=KEPT_SECONDS),
        rounds=gr.State([]),
    )
    styled_html(f'<p class="prose">{escape(words.quiz_intro)}</p>')
    with gr.Row(elem_classes="wide"):
        with gr.Column(scale=4, min_width=280):
            view.next = gr.Button(words.next, elem_id="quiz-next")
            view.photograph = styled_html(elem_id="quiz-photograph")
            choices = [(name, code) for code, name in services.manifest.classes.items()]
            view.guess = gr.Radio(
                choices, label=words.guess, elem_id="quiz-guess", elem_classes="compact"
            )
            view.commit = gr.Button(words.commit, variant="primary", elem_id="quiz-commit")
        with gr.Column(scale=6, min_width=300):
            view.alone = styled_html(elem_id="quiz-alone")
            view.reveal = gr.Button(
                words.reveal, variant="primary", visible=False, elem_id="quiz-reveal"
            )
            view.whole = styled_html(elem_id="quiz-whole")
            view.score = styled_html(elem_id="quiz-score")
    _connect(view, _Game(services, texts))


class _Game:
    """What the buttons do."""

    def __init__(self, services: Services, texts: SimpleNamespace) -> None:
        self.services, self.texts = services, texts
        self.names = services.manifest.classes
        self.fields = services.manifest.patient.fields

    def show(self, deck: list[Example]) -> tuple:
        words = self.texts.classroom
        deck = deck or shuffled(self.services.examples())
        if not deck:
            raise refusal(words.no_examples)
        example, *rest = deck
        with refusing(self.texts):
            study = self.services.study(example.image)
        kind = f"<p>{escape(f'{words.drawn} {self.texts.inputs.real_ones}')}</p>"
        drawn = picture(study.photograph, words.photograph) + ("" if example.real else kind)
        guess = gr.Radio(value=None, interactive=True)
        return rest, Asked(example, study), drawn, guess, "", gr.Button(visible=False), ""

    def commit(self, asked: Asked | None, guess: str | None) -> tuple:
        if asked is None or not guess:
            raise refusal(self.texts.classroom.guess_first)
        # The first guess counts, however often the button is pressed.
        asked = asked if asked.guess else replace(asked, guess=guess)
        locked = gr.Radio(value=asked.guess, interactive=False)
        return asked, alone_html(asked, self.names, self.texts), locked, gr.Button(visible=True)

    def reveal(self, asked: Asked | None, rounds: list[Round]) -> tuple:
        if asked is None or not asked.guess:
            raise refusal(self.texts.classroom.guess_first)
        rounds = rounds if asked.told else [*rounds, played(asked)]
        standing = score_html(rounds, self.names, self.texts)
        whole = whole_html(asked, self.names, self.fields, self.texts)
        told, hidden = replace(asked, told=True), gr.Button(visible=False)
        return told, rounds, "", whole, standing, hidden


def _connect(view: SimpleNamespace, game: _Game) -> None:
    answers = [view.alone, view.reveal, view.whole]
    view.next.click(
        game.show,
        view.deck,
        [view.deck, view.asked, view.photograph, view.guess, *answers],
        show_progress_on=view.photograph,
        **PRIVATE,
    )
    given = [view.asked, view.guess]
    answered = [view.asked, view.alone, view.guess, view.reveal]
    view.commit.click(game.commit, given, answered, **QUIET)
    shown = [view.asked, view.rounds, view.alone, view.whole, view.score, view.reveal]
    view.reveal.click(game.reveal, [view.asked, view.rounds], shown, **QUIET)


def shuffled(examples: list[Example]) -> list[Example]:
    """In an order that the tab Predict does not give away."""
    return random.sample(examples, len(examples))


def played(asked: Asked) -> Round:
    """The round that ends with the answer."""
    alone = asked.study.probabilities(Patient())
    whole = asked.study.probabilities(asked.example.patient)
    diagnosis = asked.example.diagnosis
    return Round(diagnosis, asked.guess, most_probable(alone), most_probable(whole))


def alone_html(asked: Asked, names: dict[str, str], texts: SimpleNamespace) -> str:
    """What the network says of the image alone; the class's guess stands out."""
    words = texts.classroom
    alone = asked.study.probabilities(Patient())
    drawn = chart(
        {names[code]: 100 * p for code, p in alone.items()},
        title=words.alone,
        most=100,
        marked=names[asked.guess],
        label_width=190,
    )
    return f"<h2>{escape(words.alone)}</h2>{drawn}<p>{escape(words.marked)}</p>"


def whole_html(
    asked: Asked, names: dict[str, str], fields: Sequence[Field], texts: SimpleNamespace
) -> str:
    """The diagnosis, everyone's answer, and what the context changed."""
    words, patient, one = texts.classroom, asked.example.patient, played(asked)
    said = {
        words.truth: names[one.truth],
        words.you: names[one.guess],
        words.alone: names[one.alone],
        words.whole.format(context=context_words(patient, fields, texts)): names[one.whole],
        words.origin: asked.example.origin or texts.inputs.drawn_origin,
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in said.items())
    alone, whole = asked.study.probabilities(Patient()), asked.study.probabilities(patient)
    drawn = bars(whole, names, alone=alone, patient=patient, fields=fields, texts=texts)
    return f"<dl>{rows}</dl>{drawn}"


def score_html(rounds: list[Round], names: dict[str, str], texts: SimpleNamespace) -> str:
    """Who was right how often, and the class's confusion matrix."""
    words, found, codes = texts.classroom, score(rounds), list(names)
    said = [
        [words.you, f"{found.guesses}"],
        [words.alone, f"{found.alone}"],
        [words.with_context, f"{found.whole}"],
    ]
    caption = words.score.format(rounds=found.rounds)
    drawn = heat(confusion(rounds, codes), codes, title=words.confusion)
    return (
        f"{table([], said, caption=caption)}<h2>{escape(words.confusion)}</h2>{drawn}"
        f'<p class="scope">{escape(code_key(names))}</p>'
    )
