"""The table beside one or two cases: context, answer, how they differ, and one answer of both."""

from collections.abc import Sequence
from dataclasses import dataclass

from demo.cases import Case, Tray, confirmable, points, together
from demo.formatting import Numbers, percentages
from demo.inputs import label_of
from demo.texts import Texts
from model.inference.bundle import Manifest
from model.patient import Field, NumberField, Value


@dataclass(frozen=True)
class CaseTable:
    """Texts; the first cell of a row names it."""

    head: list[str]
    rows: list[list[str]]


def case_table(tray: Tray, manifest: Manifest, texts: Texts) -> CaseTable:
    """Compare what is looked at; with all photographs of a lesion, if it is one of several."""
    cases, words = tray.looked_at, texts.cases
    lesions = {case.marks.lesion for case in cases}
    of_lesion = tray.of_lesion(lesions.pop()) if len(lesions) == 1 else []
    head = [words.row, *(words.case.format(number=case.number) for case in cases)]
    head += [words.difference] * (len(cases) == 2)
    head += [words.together.format(count=len(of_lesion))] * (len(of_lesion) > 1)
    rows = [_field_row(cases, field, texts) for field in manifest.patient.fields]
    rows.append([words.confirmed, *_confirmed(cases, manifest, texts)])
    rows += _answer_rows(cases, of_lesion, manifest.classes, texts)
    return CaseTable(head, [row + [""] * (len(head) - len(row)) for row in rows])


def _field_row(cases: Sequence[Case], field: Field, texts: Texts) -> list[str]:
    values = [case.context.get(field.key) for case in cases]
    shown = [_shown(value, texts) for value in values]
    return [label_of(field.key, texts), *shown, *_difference(values, field, texts)]


def _difference(values: Sequence[Value | None], field: Field, texts: Texts) -> list[str]:
    if len(values) < 2:
        return []
    before, after = values
    if before is after is None:
        return [""]
    if before == after:
        return [texts.cases.same]
    if isinstance(field, NumberField) and None not in values:
        return [f"{texts.numbers.write(after - before, '+g')} {texts.word(field.unit)}"]
    return [texts.cases.different]


def _confirmed(cases: Sequence[Case], manifest: Manifest, texts: Texts) -> list[str]:
    names = confirmable(manifest)
    return [names.get(case.marks.diagnosis, texts.cases.none) for case in cases]


def _answer_rows(
    cases: Sequence[Case], of_lesion: Sequence[Case], names: dict[str, str], texts: Texts
) -> list[list[str]]:
    numbers = texts.numbers
    columns = [_percents(case.probabilities, numbers) for case in cases]
    if len(cases) == 2:
        moved = points(*cases)
        unit = texts.result.points
        columns.append({code: f"{numbers.signed(change)} {unit}" for code, change in moved.items()})
    if len(of_lesion) > 1:
        columns.append(_percents(together(of_lesion), numbers))
    return [[name, *(column[code] for column in columns)] for code, name in names.items()]


def _percents(probabilities: dict[str, float], numbers: Numbers) -> dict[str, str]:
    return {code: numbers.of_hundred(share) for code, share in percentages(probabilities).items()}


def _shown(value: Value | None, texts: Texts) -> str:
    if value is None:
        return texts.inputs.unknown
    return texts.numbers.write(value, "g") if isinstance(value, float) else value
