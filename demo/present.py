"""From probabilities to the headline and the bars, as HTML."""

import math
from collections.abc import Collection, Mapping, Sequence
from html import escape
from types import SimpleNamespace

from model.patient import Field, Patient, describe


def percentages(probabilities: Mapping[str, float], *, decimals: int = 1) -> dict[str, float]:
    """Round to percent so that the shown values sum to exactly 100 (largest remainder method)."""
    units = 100 * 10**decimals
    exact = {code: p * units for code, p in probabilities.items()}
    shown = {code: math.floor(value) for code, value in exact.items()}
    missing = round(sum(exact.values())) - sum(shown.values())
    for code in sorted(exact, key=lambda code: shown[code] - exact[code])[:missing]:
        shown[code] += 1
    return {code: value / 10**decimals for code, value in shown.items()}


def most_probable(probabilities: Mapping[str, float]) -> str:
    """The code of the highest probability."""
    return max(probabilities, key=probabilities.get)


def percent(share: float) -> str:
    """A share from 0 to 1, as "3.2 %"."""
    return f"{100 * share:.1f} %"


def context_words(patient: Patient, fields: Sequence[Field], texts: SimpleNamespace) -> str:
    """Say what is known of the patient, as in "age 55, female, head/neck"."""
    return describe(patient, fields) or texts.result.no_context


def headline(
    names: Sequence[str], *, coverage: float | None, measured: bool, texts: SimpleNamespace
) -> str:
    """Say which diagnoses are on the list, and how often such lists were right.

    ``coverage`` is the share of cases whose diagnosis is on the list, measured on the test part or
    else the share that the lists were set for; None where neither holds for the photograph.
    """
    said = texts.result.listed.format(names=", ".join(map(in_sentence, names)))
    promise = texts.result.untested
    if coverage is not None:
        kind = texts.result.held if measured else texts.result.meant
        # Ten of ten would be a promise that nobody can keep.
        promise = kind.format(tenths=min(round(10 * coverage), 9 + (coverage == 1)))
    return f'<p class="headline"><strong>{escape(said)}</strong> {escape(promise)}</p>'


def is_unlike(unknown_score: float | None) -> bool:
    """Whether a photograph is unlike the training images; never without a detector."""
    return unknown_score is not None and unknown_score > 1


def warnings(quality: Sequence[str], unknown_score: float | None, texts: SimpleNamespace) -> str:
    """Say that a photograph is poor or unlike the training images; nothing if it is neither."""
    said = []
    if quality:
        problems = ", ".join(getattr(texts.quality, problem) for problem in quality)
        said.append(texts.result.poor.format(problems=problems))
    if is_unlike(unknown_score):
        said.append(texts.result.unlike)
    return "".join(f'<p class="warning" role="status">{escape(text)}</p>' for text in said)


def bars(
    probabilities: Mapping[str, float],
    names: Mapping[str, str],
    *,
    alone: Mapping[str, float],
    patient: Patient,
    fields: Sequence[Field],
    texts: SimpleNamespace,
    listed: Collection[str] = (),
) -> str:
    """Draw a table of one bar a diagnosis, in the order of ``names`` (code → full name).

    Beside each probability stand that of the image alone and the difference of the shown values.
    The rows of ``listed`` stand out.
    """
    shown, shown_alone = percentages(probabilities), percentages(alone)
    rows = "".join(
        _bar(code, names[code], shown[code], shown_alone[code], code in listed, texts)
        for code in names
    )
    result = texts.result
    caption = result.caption.format(context=context_words(patient, fields, texts))
    if patient == Patient():
        caption = result.caption_alone
    scope = result.scope.format(classes=len(names))
    scope += f" {result.scope_listed}" if listed else ""
    return (
        f'<table class="bars"><caption>{escape(caption)}</caption><thead><tr>{_head(texts)}</tr>'
        f'</thead><tbody>{rows}</tbody></table><p class="scope">{escape(scope)}</p>'
    )


def in_sentence(name: str) -> str:
    """A class's name within a sentence: "Melanoma" as "melanoma", but "MEL" as it is."""
    rest = name[1:]
    return name.lower() if rest.islower() else name


def code_key(names: Mapping[str, str]) -> str:
    """What the codes stand for, as in "MEL melanoma, NV melanocytic nevus."; those that differ."""
    known = [f"{code} {in_sentence(name)}" for code, name in names.items() if name != code]
    return ", ".join(known) + "." if known else ""


def placeholder(texts: SimpleNamespace) -> str:
    """What stands in place of the bars before the first prediction."""
    return f'<p class="empty">{escape(texts.result.empty)}</p>'


def answer_html(content: str, texts: SimpleNamespace) -> str:
    """An answer, and the note that appears once the fields no longer are those it was given to."""
    return (
        f'<div class="answer"><p class="warning changed" role="status" hidden>'
        f"{escape(texts.result.changed)}</p>{content}</div>"
    )


def signed(points: float) -> str:
    """A difference in percentage points, as "+3.2"; one that is shown as zero has no sign."""
    return "0.0" if abs(points) < 0.05 else f"{points:+.1f}".replace("-", "−")


def _head(texts: SimpleNamespace) -> str:
    result = texts.result
    return f'<th scope="col">{escape(result.diagnosis)}</th><td class="track"></td>' + "".join(
        f'<th scope="col" class="number">{sign}{escape(text)}</th>'
        for text, sign in (
            (result.probability, '<span class="sign whole"></span>'),
            (result.alone, '<span class="sign alone"></span>'),
            (result.change, ""),
        )
    )


def _bar(
    code: str, name: str, percent: float, alone: float, listed: bool, texts: SimpleNamespace
) -> str:
    abbreviation = f" <abbr>{escape(code)}</abbr>" if code != name else ""
    return (
        f'<tr data-class="{escape(code)}" class="{"listed" if listed else ""}" '
        f'style="--with:{percent:.1f}%;--alone:{alone:.1f}%">'
        f'<th scope="row">{escape(name)}{abbreviation}</th>'
        '<td class="track"><div class="rail"><div class="bar"></div><div class="mark"></div></div>'
        f'</td><td class="number value">{percent:.1f} %</td>'
        f'<td class="number alone">{alone:.1f} %</td>'
        f'<td class="number change">{signed(percent - alone)} {escape(texts.result.points)}</td>'
        "</tr>"
    )
