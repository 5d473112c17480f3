"""One prediction as page and report show it: warnings, likely diagnoses, malignancy and bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from demo.formatting import in_sentence, most_probable, percentages
from demo.templates import Templates
from demo.texts import Texts
from model.inference.bundle import Manifest
from model.inference.study import OOD, POOR_QUALITY, Study
from model.patient import YES_NO, ChoiceField, Field, Patient, Value

POINT = "at_90_sensitivity"
MELANOMA_CODE = "MEL"
_SEEN = 0.0005  # the least change that is not shown as zero


@dataclass(frozen=True)
class Prediction:
    """What the network says of one photograph and patient."""

    patient: Patient
    probabilities: Mapping[str, float]
    alone: Mapping[str, float]  # of the image without any context
    prediction_set: Sequence[str]
    ood_score: float | None
    quality: Sequence[str]
    warnings: Sequence[str] = ()  # keys of model.inference.study.Study.warnings
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # over views, by code
    unsteady: Sequence[str] = ()  # codes that context moves up in one view and down in another

    @classmethod
    def of(cls, study: Study, patient: Patient) -> "Prediction":
        """Query the network."""
        return cls(
            patient,
            study.probabilities(patient),
            study.probabilities(Patient()),
            study.prediction_set(patient),
            study.ood_score,
            study.quality,
            study.warnings,
            study.ranges(patient),
            _unsteady(study, patient),
        )

    @property
    def is_overturned(self) -> bool:
        """Whether context made another diagnosis the most probable one."""
        return most_probable(self.alone) != most_probable(self.probabilities)

    @property
    def is_doubtful(self) -> bool:
        """Whether the photograph makes the probabilities unreliable."""
        return self.is_ood or bool(self.quality) or "not_dermoscopic" in self.warnings

    @property
    def is_ood(self) -> bool:
        """Whether the photograph is unlike the training images; never without a detector."""
        return is_ood(self.ood_score)


def _unsteady(study: Study, patient: Patient) -> list[str]:
    moved = study.change_ranges(patient) if patient else {}
    return [code for code, (low, high) in moved.items() if low < -_SEEN and high > _SEEN]


def is_ood(ood_score: float | None) -> bool:
    """Whether a score is that of a photograph unlike the training images."""
    return ood_score is not None and ood_score > 1


def doubts(study: Study) -> tuple[str, ...]:
    """Keys of texts.quality: what may mislead, each problem of the photograph by its own."""
    unlike = ("unlike",) if OOD in study.warnings else ()
    others = (key for key in study.warnings if key not in (OOD, POOR_QUALITY))
    return (*unlike, *others, *study.quality)


@dataclass(frozen=True)
class Malignancy:
    """Probabilities from 0 to 1, which sum to 1 with those of the precursors.

    Not a verdict: a sum beside a threshold that was set on validation images, and what that
    threshold gave on the test set.
    """

    malignant: float
    benign: float
    precursors: dict[str, float]  # by code
    malignant_codes: list[str]
    threshold: float | None  # of the malignant sum, for 90 % sensitivity on validation images
    sensitivity: dict[str, float] | None  # that the threshold had on the test set, with interval
    specificity: dict[str, float] | None


def malignancy(probabilities: Mapping[str, float], manifest: Manifest) -> Malignancy | None:
    """Sum up as malignant against benign; None where the task does not say what is malignant."""
    task = manifest.task
    if not task.malignant:
        return None
    malignant = sum(probabilities[code] for code in task.malignant)
    precursors = {code: probabilities[code] for code in task.precursors}
    benign = sum(p for code, p in probabilities.items() if code not in precursors) - malignant
    threshold = manifest.operating_points.get("malignant", {}).get(POINT)
    points = manifest.metrics.get("test", {}).get("operating_points", {})
    measured = points.get("malignant", {}).get(POINT, {}) if threshold is not None else {}
    return Malignancy(
        malignant,
        max(benign, 0.0),  # rounding may leave it just below
        precursors,
        list(task.malignant),
        threshold,
        measured.get("sensitivity"),
        measured.get("specificity"),
    )


@dataclass(frozen=True)
class Melanoma:
    """Melanoma's probability beside its cut-off; figures from 0 to 1."""

    probability: float
    threshold: float | None  # for 90 % sensitivity on validation images
    missed: dict[str, float] | None  # share of test melanomas below it, with interval


def melanoma(probabilities: Mapping[str, float], manifest: Manifest) -> Melanoma | None:
    """Melanoma's probability and cut-off, always shown; None without such a class."""
    if MELANOMA_CODE not in probabilities:
        return None
    return Melanoma(probabilities[MELANOMA_CODE], *missed_below(manifest))


def missed_below(manifest: Manifest) -> tuple[float | None, dict[str, float] | None]:
    """Melanoma's cut-off, and the share of test melanomas below it; None where not stored."""
    threshold = manifest.operating_points.get("melanoma", {}).get(POINT)
    points = manifest.metrics.get("test", {}).get("operating_points", {})
    found = points.get("melanoma", {}).get(POINT, {}).get("sensitivity") if threshold else None
    missed = found and {
        "value": 1 - found["value"],
        "low": 1 - found["high"],
        "high": 1 - found["low"],
    }
    return threshold, missed


def worth_of_context(manifest: Manifest, texts: Texts) -> str:
    """How often context was right where it changed the first answer; empty where not measured."""
    found = manifest.metrics.get("test", {}).get("context")
    if not found or found["right_alone"]["value"] is None:
        return ""
    write = texts.numbers.percent_interval
    return texts.result.worth.format(
        alone=write(found["right_alone"]), with_context=write(found["right_with_context"])
    )


def prediction_html(prediction: Prediction, manifest: Manifest, templates: Templates) -> Markup:
    """Warnings, headline, malignancy and bars."""
    names, quality = manifest.classes, templates.texts.quality
    measured = manifest.metrics.get("test", {}).get("coverage", {}).get("value")
    coverage = measured
    if coverage is None and manifest.prediction_sets:
        coverage = manifest.prediction_sets["coverage"]
    return templates.render(
        "prediction",
        prediction=prediction,
        names=names,
        problems=", ".join(getattr(quality, problem) for problem in prediction.quality),
        listed=", ".join(in_sentence(names[code]) for code in prediction.prediction_set),
        measured=measured is not None,
        tenths=_tenths(coverage),
        overturned=_overturned(prediction, names, templates.texts),
        worth=worth_of_context(manifest, templates.texts),
        malignancy=malignancy(prediction.probabilities, manifest),
        melanoma=melanoma(prediction.probabilities, manifest),
        bars=bars_html(prediction, manifest, templates),
    )


def _overturned(prediction: Prediction, names: Mapping[str, str], texts: Texts) -> str:
    """What to doubt where context changed the most probable diagnosis; empty where it did not."""
    if not prediction.is_overturned:
        return ""
    before, after = most_probable(prediction.alone), most_probable(prediction.probabilities)
    return texts.result.overturned.format(
        before=in_sentence(names[before]),
        before_share=texts.numbers.percent(prediction.alone[before]),
        after=in_sentence(names[after]),
        after_share=texts.numbers.percent(prediction.probabilities[after]),
    )


@dataclass(frozen=True)
class Group:
    """Diagnoses that the table lists together under their sum; without a title there is none."""

    title: str
    codes: list[str]
    whole: float = 0.0
    alone: float = 0.0
    cut_off: float | None = None


def groups_of(prediction: Prediction, manifest: Manifest, texts: Texts) -> list[Group]:
    """Malignant diagnoses, precursors and benign ones; one group where the task does not say."""
    whole, alone = (malignancy(p, manifest) for p in (prediction.probabilities, prediction.alone))
    if whole is None or alone is None:
        return [Group("", manifest.codes)]
    words, malignant, precursors = texts.malignancy, whole.malignant_codes, list(whole.precursors)
    benign = [code for code in manifest.codes if code not in malignant + precursors]
    early = sum(whole.precursors.values()), sum(alone.precursors.values())
    found = [
        Group(words.group, malignant, whole.malignant, alone.malignant, whole.threshold),
        Group(words.precursor_group, precursors, *early),
        Group(words.benign_group, benign, whole.benign, alone.benign),
    ]
    return [group for group in found if group.codes]


def short_answer(prediction: Prediction, manifest: Manifest, texts: Texts) -> list[str]:
    """What stays in view beside the photograph on a phone: malignancy and melanoma, or the first.

    Never only what is probable, which would read as the exclusion of melanoma.
    """
    summed = malignancy(prediction.probabilities, manifest)
    always = melanoma(prediction.probabilities, manifest)
    lines, percent = [], texts.numbers.percent
    if summed:
        lines.append(texts.malignancy.malignant.format(share=percent(summed.malignant)))
    if always:
        share = percent(always.probability)
        lines.append(texts.melanoma.probability.format(share=share).rstrip("."))
    first = most_probable(prediction.probabilities)
    return lines or [f"{manifest.classes[first]} {percent(prediction.probabilities[first])}"]


def bars_html(prediction: Prediction, manifest: Manifest, templates: Templates) -> Markup:
    """A table with one bar per diagnosis: with context, of the image alone, and the change."""
    found = melanoma(prediction.probabilities, manifest)
    known = found is not None and found.threshold is not None
    return templates.render(
        "bars",
        prediction=prediction,
        has_context=bool(prediction.patient),
        names=manifest.classes,
        english_names=manifest.task.classes,
        context=context_words(prediction.patient, manifest.patient.fields, templates.texts),
        shown=percentages(prediction.probabilities),
        shown_alone=percentages(prediction.alone),
        groups=groups_of(prediction, manifest, templates.texts),
        cut_offs={MELANOMA_CODE: found.threshold} if known else {},
    )


def context_words(patient: Patient, fields: Sequence[Field], texts: Texts) -> str:
    """Say what is known of the patient, as in "age 55, female, head/neck"."""
    known = [
        value_text(field, patient[field.key], texts) for field in fields if field.key in patient
    ]
    return ", ".join(known) or texts.result.no_context


def value_text(field: Field, value: Value, texts: Texts) -> str:
    """A known value within a list, as "age 55", "female" or "family history: yes"."""
    name, word = texts.word(field.name), word_of(value, texts)
    if not isinstance(field, ChoiceField):
        return f"{name} {word}"
    return f"{name}: {word}" if set(field.words) == set(YES_NO) else word


def word_of(value: Value | None, texts: Texts) -> str:
    """A value by itself, as the page shows it."""
    if value is None:
        return texts.inputs.unknown
    if isinstance(value, float):
        return texts.numbers.write(value, "g")
    return texts.word(str(value))


def _tenths(coverage: float | None) -> int | None:
    """Ten of ten only where no list was wrong: it would be a promise that nobody can keep."""
    return None if coverage is None else min(round(10 * coverage), 9 + (coverage == 1))
