"""Classroom: a quiz against the network, and what a threshold means for a thousand patients.

In the quiz a class guesses first, then sees the prediction without context, then with it. Only real
photographs are asked: what a drawing shows is no diagnosis.
"""

import csv
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import gradio as gr
import numpy as np
from markupsafe import Markup

from demo.access import KEPT_SECONDS
from demo.formatting import most_probable
from demo.gradio_patches import user_error
from demo.inputs import LATEST, PRIVATE, QUIET, compact_radio, styled_html
from demo.photograph import user_errors
from demo.prediction import Prediction, bars_html, context_words
from demo.services import Example, Services
from demo.templates import Templates
from model.inference.study import Study
from model.patient import Patient

PATIENTS = 1_000

# Blues are referred, orange is the harm, grey the rest; told apart with any colour vision.
_COLOURS = {"found": "#0072b2", "missed": "#d55e00", "false": "#56b4e9", "cleared": "#a8a8a8"}
_THRESHOLD, _PREVALENCE = 20, 2  # per cent, at first
_SCREENING, _REFERRAL_CLINIC = 0.2, 10.0  # per cent, examples of prevalence


def add_classroom(services: Services, templates: Templates) -> None:
    """Add both, each in a tab of its own."""
    words = templates.texts.classroom
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab(words.quiz):
            Quiz(services, templates).connect()
        with gr.Tab(words.threshold):
            add_threshold(services, templates)


# === The quiz ===


@dataclass(frozen=True)
class Question:
    """The photograph in question, and the votes of the class."""

    example: Example
    study: Study
    votes: Mapping[str, int] | None = None  # by class code, once they are locked in
    revealed: bool = False  # the true diagnosis; the round is counted


@dataclass(frozen=True)
class Round:
    """One photograph that was guessed. All are class codes."""

    truth: str
    votes: Mapping[str, int]  # by class code, at least one
    alone: str  # the network's most probable, from the image alone
    whole: str  # with context

    @property
    def guess(self) -> str:
        """What most of the class voted for; of equals the first."""
        return most_voted(self.votes)


def most_voted(votes: Mapping[str, int]) -> str:
    """The class code with most votes; of equals the first."""
    return max(votes, key=lambda code: votes[code])


@dataclass(frozen=True)
class Score:
    """Correct answers of so many rounds."""

    rounds: int
    guesses: int
    alone: int
    whole: int


def score(rounds: Sequence[Round]) -> Score:
    """Count who was right."""
    return Score(
        len(rounds),
        sum(one.guess == one.truth for one in rounds),
        sum(one.alone == one.truth for one in rounds),
        sum(one.whole == one.truth for one in rounds),
    )


def confusion(rounds: Sequence[Round], codes: Sequence[str]) -> list[list[int]]:
    """The class's votes: true diagnosis in rows, vote in columns, in the order of ``codes``."""
    counts = np.zeros((len(codes), len(codes)), int)
    for one in rounds:
        counts[codes.index(one.truth)] += [one.votes.get(code, 0) for code in codes]
    return counts.tolist()


def rounds_csv(rounds: Sequence[Round], codes: Sequence[str]) -> str:
    """A row per round: the diagnosis, everyone's answer, and the votes by class code."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    head = ("round", "true_diagnosis", "class", "network_image_alone", "network_with_context")
    table.writerow([*head, *(f"votes_{code}" for code in codes)])
    for number, one in enumerate(rounds, start=1):
        votes = (one.votes.get(code, 0) for code in codes)
        table.writerow([number, one.truth, one.guess, one.alone, one.whole, *votes])
    return text.getvalue()


class Quiz:
    """The quiz of one network."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Add its components."""
        self.services, self.templates = services, templates
        self.names, words = services.manifest.classes, templates.texts.classroom
        self.deck = gr.State([])  # examples that this class has not seen
        self.question = gr.State(None, time_to_live=KEPT_SECONDS)
        self.rounds = gr.State([])
        styled_html(templates.render("paragraph", text=words.quiz_intro, kind="prose"))
        with gr.Row(elem_classes="wide"):
            with gr.Column(scale=4, min_width=280):
                self.next = gr.Button(words.next, elem_id="quiz-next")
                self.photograph = styled_html(elem_id="quiz-photograph")
                self.guess = compact_radio(
                    services.choices(), label=words.guess, elem_id="quiz-guess"
                )
                with gr.Accordion(words.votes, open=False, elem_id="quiz-votes"), gr.Row():
                    self.votes = {
                        code: gr.Number(0, label=name, minimum=0, precision=0, min_width=130)
                        for code, name in self.names.items()
                    }
                self.lock = gr.Button(words.lock, variant="primary", elem_id="quiz-commit")
            with gr.Column(scale=6, min_width=300):
                self.alone = styled_html(elem_id="quiz-alone")
                self.reveal = gr.Button(
                    words.reveal, variant="primary", visible=False, elem_id="quiz-reveal"
                )
                self.whole = styled_html(elem_id="quiz-whole")
                self.score = styled_html(elem_id="quiz-score")
                self.reset = gr.Button(words.reset, visible=False, elem_id="quiz-reset")

    def connect(self) -> None:
        """Let the buttons do what they say."""
        votes = list(self.votes.values())
        shown = [self.deck, self.question, self.photograph, self.guess, self.alone, *votes]
        self.next.click(
            self.show_next,
            self.deck,
            [*shown, self.lock, self.reveal, self.whole],
            show_progress_on=self.photograph,
            **PRIVATE,
        )
        predicted = [self.question, self.alone, self.guess, self.lock, self.reveal]
        self.lock.click(self.lock_in, [self.question, self.guess, *votes], predicted, **QUIET)
        revealed = [self.question, self.rounds, self.alone, self.whole, self.score, self.reveal]
        revealed.append(self.reset)
        self.reveal.click(self.reveal_diagnosis, [self.question, self.rounds], revealed, **QUIET)
        emptied = [self.rounds, self.score, self.reset]
        self.reset.click(lambda: ([], "", gr.Button(visible=False)), None, emptied, **QUIET)

    def show_next(self, deck: list[Example]) -> dict:
        """Begin a round with an example that the class has not seen."""
        texts = self.templates.texts
        deck = deck or shuffled([one for one in self.services.examples() if one.real])
        if not deck:
            raise user_error(texts.classroom.no_examples)
        example, *rest = deck
        with user_errors(texts):
            study = self.services.study(example.image)
        photograph = self.templates.render("quiz_photograph", photograph=study.photograph)
        return {
            self.deck: rest,
            self.question: Question(example, study),
            self.photograph: photograph,
            self.guess: gr.Radio(value=None, interactive=True),
            self.lock: gr.Button(interactive=True),
            self.alone: "",
            self.reveal: gr.Button(visible=False),
            self.whole: "",
            **dict.fromkeys(self.votes.values(), 0),
        }

    def lock_in(self, question: Question | None, guess: str | None, *votes: float | None) -> dict:
        """Take the votes, or the one guess, and show the prediction from the image alone."""
        counted = {
            code: int(n) for code, n in zip(self.names, votes, strict=True) if n and n > 0
        } or dict.fromkeys([guess] if guess else [], 1)
        if question is None or not counted:
            raise user_error(self.templates.texts.classroom.guess_first)
        # The first votes count, however often the button is pressed.
        question = question if question.votes else replace(question, votes=counted)
        return {
            self.question: question,
            self.alone: self._alone(question),
            self.guess: gr.Radio(value=most_voted(question.votes), interactive=False),
            self.lock: gr.Button(interactive=False),
            self.reveal: gr.Button(visible=True),
        }

    def reveal_diagnosis(self, question: Question | None, rounds: list[Round]) -> dict:
        """Show the true diagnosis, and count the round."""
        if question is None or not question.votes:
            raise user_error(self.templates.texts.classroom.guess_first)
        rounds = rounds if question.revealed else [*rounds, played(question)]
        return {
            self.question: replace(question, revealed=True),
            self.rounds: rounds,
            self.alone: "",
            self.whole: self._whole(question),
            self.score: self._score(rounds),
            self.reveal: gr.Button(visible=False),
            self.reset: gr.Button(visible=True),
        }

    def _alone(self, question: Question) -> Markup:
        """The prediction from the image alone; the class's guess stands out."""
        alone = question.study.probabilities(Patient())
        values = {self.names[code]: 100 * p for code, p in alone.items()}
        guess = self.names[most_voted(question.votes)]
        return self.templates.render("quiz_alone", values=values, guess=guess)

    def _whole(self, question: Question) -> Markup:
        """The true diagnosis, everyone's answer, and what the context changed."""
        example, manifest = question.example, self.services.manifest
        fields = manifest.patient.fields
        prediction = Prediction.of(question.study, example.patient)
        return self.templates.render(
            "quiz_whole",
            round=played(question),
            names=self.names,
            context=context_words(example.patient, fields, self.templates.texts),
            origin=example.origin,
            bars=bars_html(replace(prediction, prediction_set=()), manifest, self.templates),
        )

    def _score(self, rounds: list[Round]) -> Markup:
        """Who was right how often, and the class's confusion matrix."""
        return self.templates.render(
            "quiz_score",
            score=score(rounds),
            confusion=confusion(rounds, list(self.names)),
            rounds=rounds_csv(rounds, list(self.names)).encode(),
            names=self.names,
        )


def shuffled(examples: list[Example]) -> list[Example]:
    """In an order that the Predict tab does not give away."""
    return random.sample(examples, len(examples))


def played(question: Question) -> Round:
    """The round that ends with the true diagnosis."""
    alone = question.study.probabilities(Patient())
    whole = question.study.probabilities(question.example.patient)
    diagnosis = question.example.diagnosis
    return Round(diagnosis, question.votes, most_probable(alone), most_probable(whole))


# === The threshold ===


@dataclass(frozen=True)
class Outcomes:
    """What happens to a thousand patients, rounded to people, as natural frequencies."""

    found: int  # have it and are referred
    missed: int  # have it and are not referred
    false_alarms: int  # do not have it and are referred
    cleared: int  # do not have it and are not referred

    @property
    def referred(self) -> int:
        """All who are referred."""
        return self.found + self.false_alarms


def outcomes(sensitivity: float, specificity: float, *, prevalence: float) -> Outcomes:
    """Apply the two shares to a thousand patients, of whom ``prevalence`` (0 to 1) have it."""
    ill = round(PATIENTS * prevalence)
    found = round(ill * sensitivity)
    cleared = round((PATIENTS - ill) * specificity)
    return Outcomes(found, ill - found, PATIENTS - ill - cleared, cleared)


def predictive_values(
    sensitivity: float, specificity: float, *, prevalence: float
) -> tuple[float | None, float | None]:
    """PPV and NPV by Bayes' theorem, all from 0 to 1; None where nobody is on that side."""
    found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
    false, cleared = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    ppv = found / (found + false) if found + false else None
    return ppv, cleared / (cleared + missed) if cleared + missed else None


def at_threshold(stored: Mapping[str, Sequence[float]], threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity at the stored threshold that is nearest."""
    distances = [abs(value - threshold) for value in stored["threshold"]]
    nearest = distances.index(min(distances))
    return stored["sensitivity"][nearest], stored["specificity"][nearest]


def add_threshold(services: Services, templates: Templates) -> None:
    """Two sliders, marks of usual shares, and a thousand patients drawn as dots."""
    words = templates.texts.classroom
    curves = services.manifest.metrics.get("test", {}).get("by_threshold", {})
    question = next((question for question in words.conditions if question in curves), None)
    if question is None:
        styled_html(templates.render("paragraph", text=words.no_figures))
        return
    stored, condition = curves[question], words.conditions[question]
    intro = words.threshold_intro.format(condition=condition)
    styled_html(templates.render("paragraph", text=intro, kind="prose"))
    with gr.Row():
        label = words.threshold_label.format(condition=condition)
        threshold = gr.Slider(0, 100, _THRESHOLD, step=1, label=label, elem_id="threshold")
        label = words.prevalence.format(condition=condition)
        prevalence = gr.Slider(0.1, 50, _PREVALENCE, step=0.1, label=label, elem_id="prevalence")
    with gr.Row():
        marks = {
            _SCREENING: gr.Button(words.screening, size="sm", elem_id="screening"),
            _REFERRAL_CLINIC: gr.Button(words.referral_clinic, size="sm", elem_id="clinic"),
        }

    def draw(threshold: float, prevalence: float) -> Markup:
        return threshold_html(
            stored, threshold, prevalence, condition=condition, templates=templates
        )

    chart = styled_html(draw(_THRESHOLD, _PREVALENCE), elem_id="threshold-chart")
    for knob in (threshold, prevalence):
        knob.input(draw, [threshold, prevalence], chart, **LATEST)
    for share, button in marks.items():
        button.click(partial(_at_share, draw, share), threshold, [prevalence, chart], **LATEST)


def _at_share(
    draw: Callable[[float, float], Markup], share: float, threshold: float
) -> tuple[float, Markup]:
    """Move the slider to a share, per cent, and draw what it means."""
    return share, draw(threshold, share)


def threshold_html(
    stored: Mapping[str, Sequence[float]],
    threshold: float,
    prevalence: float,
    *,
    condition: str,
    templates: Templates,
) -> Markup:
    """Draw and say what a threshold (per cent) means for a thousand patients.

    ``condition`` is what some of them have, as in "melanoma".
    """
    words = templates.texts.classroom
    sensitivity, specificity = at_threshold(stored, threshold / 100)
    found = outcomes(sensitivity, specificity, prevalence=prevalence / 100)
    return templates.render(
        "threshold",
        sensitivity=sensitivity,
        specificity=specificity,
        outcomes=found,
        predictive=predictive_values(sensitivity, specificity, prevalence=prevalence / 100),
        condition=condition,
        groups={
            words.found.format(condition=condition): (found.found, _COLOURS["found"]),
            words.missed.format(condition=condition): (found.missed, _COLOURS["missed"]),
            words.false_alarms: (found.false_alarms, _COLOURS["false"]),
            words.cleared: (found.cleared, _COLOURS["cleared"]),
        },
    )
