"""Every text of the page by name, section by section; a language's file fills them all.

Braces hold what the page puts in, as in ``"age {age:g}"``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from demo.formatting import Numbers


@dataclass(frozen=True)
class Paragraph:
    """Of the About tab, under its heading."""

    title: str
    text: str


@dataclass(frozen=True)
class LanguageTexts:
    """The language itself, in its own words."""

    code: str  # as HTML's lang takes it; also the file's name and the page's address
    name: str
    chooser: str
    decimal: str  # as in 0.5
    thousands: str  # between them, as in 25,331
    percent: str  # after a figure, with the space between
    reviewed: bool  # by a speaker who knows the subject
    not_reviewed: str


@dataclass(frozen=True)
class PageTexts:
    """Header and notice."""

    title: str
    subtitle: str
    notice: str
    network: str


@dataclass(frozen=True)
class TabsTexts:
    """Names of the tabs."""

    predict: str
    cases: str
    batch: str
    classroom: str
    model: str
    data: str
    about: str


@dataclass(frozen=True)
class StatusTexts:
    """How far the network is loaded."""

    loading: str
    ready: str
    failed: str


@dataclass(frozen=True)
class InputsTexts:
    """Form and examples."""

    image: str
    image_alt: str
    number: str
    number_rule: str
    unknown: str
    predict: str
    clear: str
    dicom: str
    dicom_read: str
    dicom_silent: str
    examples: str
    drawn: str
    drawn_origin: str
    real_ones: str
    misclassified: str
    origins: str


@dataclass(frozen=True)
class ResultTexts:
    """Prediction: headline, bars and warnings."""

    empty: str
    caption: str
    caption_alone: str
    diagnosis: str
    probability: str
    alone: str
    change: str
    points: str
    no_context: str
    scope: str
    scope_listed: str
    band: str
    listed: str
    held: str
    meant: str
    untested: str
    changed: str
    anyway: str
    unlike: str
    poor: str
    worth: str
    overturned: str
    cut_off: str
    unsteady: str


@dataclass(frozen=True)
class MelanomaTexts:
    """The line on melanoma that is always there."""

    probability: str
    reaches: str
    below: str
    missed: str
    no_exclusion: str


@dataclass(frozen=True)
class MalignancyTexts:
    """Malignant against benign."""

    malignant: str
    benign: str
    precursor: str
    sum: str
    reaches: str
    below: str
    measured: str
    group: str
    precursor_group: str
    benign_group: str


@dataclass(frozen=True)
class QualityTexts:
    """Problems of a photograph, under their keys."""

    blurred: str
    dark: str
    bright: str
    flat: str
    small_lesion: str
    small_image: str
    unlike: str
    not_dermoscopic: str
    no_lesion: str
    several_lesions: str
    lesion_at_edge: str


@dataclass(frozen=True)
class LesionsTexts:
    """The lesions on the photograph beside an answer."""

    photograph: str
    lesion: str
    chosen: str
    not_chosen: str
    legend: str
    fills: str
    several: str
    drag: str
    found: str
    whole: str
    numbers: str
    left: str
    top: str
    right: str
    bottom: str
    frame: str
    no_box: str


@dataclass(frozen=True)
class WhyTexts:
    """Explanations of a prediction."""

    about: str
    patient_tab: str
    image_tab: str
    what_if_tab: str
    similar_tab: str
    report_tab: str
    contributions: str
    contributions_text: str
    nothing_known: str
    map: str
    photograph: str
    map_text: str
    map_strength: str
    framed: str
    map_empty: str
    opacity: str
    by_field: str
    by_two_fields: str
    probability_axis: str
    what_if_at: str
    what_if_text: str
    similar: str
    similar_none: str
    similar_text: str
    similarity: str


@dataclass(frozen=True)
class ReportTexts:
    """Saved report."""

    html: str
    json: str
    text: str
    title: str
    photograph: str
    patient: str
    model: str
    time: str
    label: str
    note: str
    label_rule: str
    file: str
    version: str


@dataclass(frozen=True)
class ErrorsTexts:
    """What went wrong, and the next step."""

    no_example: str
    no_image: str
    not_uploaded: str
    too_few: str
    bad_box: str


@dataclass(frozen=True)
class CasesTexts:
    """Cases tab, and what keeps an answer there."""

    intro: str
    empty: str
    add: str
    added: str
    already: str
    full: str
    nothing_to_add: str
    case: str
    until: str
    warned: str
    confirmed_as: str
    of_lesion: str
    of_patient: str
    label: str
    confirmed: str
    none: str
    lesion: str
    lesion_rule: str
    patient: str
    patient_rule: str
    two_patients: str
    note: str
    save: str
    saved: str
    remove: str
    enlarge: str
    viewer: str
    photograph_of: str
    zoom_in: str
    zoom_out: str
    zoom_reset: str
    hint: str
    compared: str
    row: str
    difference: str
    together: str
    same: str
    different: str
    export: str
    packed: str
    command: str
    none_confirmed: str
    download: str


@dataclass(frozen=True)
class BatchTexts:
    """Batch tab."""

    intro: str
    images: str
    metadata: str
    button: str
    table: str
    gone: str
    photograph: str
    most_probable: str
    malignant: str
    context: str
    warnings: str
    nothing: str
    none_inside: str
    answered: str
    save: str
    save_warnings: str
    save_lines: str
    boxes: str
    refused: str
    reason: str


@dataclass(frozen=True)
class ClassroomTexts:
    """Quiz and threshold."""

    quiz: str
    threshold: str
    quiz_intro: str
    next: str
    photograph: str
    guess: str
    votes: str
    lock: str
    reveal: str
    guess_first: str
    no_examples: str
    truth: str
    you: str
    alone: str
    whole: str
    origin: str
    marked: str
    with_context: str
    score: str
    confusion: str
    save: str
    reset: str
    threshold_intro: str
    threshold_label: str
    prevalence: str
    no_figures: str
    found: str
    missed: str
    false_alarms: str
    cleared: str
    meaning: str
    screening: str
    referral_clinic: str
    ppv: str
    npv: str
    conditions: Mapping[str, str]


@dataclass(frozen=True)
class ModelTexts:
    """Model tab."""

    missed_title: str
    missed_text: str
    source: str
    melanomas: str
    missed: str
    all_sources: str
    missed_by_source: str
    all_images: str
    sources_title: str
    reconciled: str
    further: str
    context_title: str
    context_text: str
    context_note: str
    figure: str
    alone: str
    with_context: str
    difference: str
    context_by_field: str
    context_by_source: str
    card: str
    name: str
    use: str
    classes: str
    data: str
    images: str
    input: str
    sees_lesion: str
    sees_whole: str
    pixels: str
    pixels_without_tta: str
    temperature: str
    licence: str
    hash: str
    no_figures: str
    test_part: str
    brackets: str
    meanings: str
    few: str
    overall: str
    by_diagnosis: str
    by_source: str
    by_field: str
    diagnosis: str
    group: str
    count: str
    balanced_accuracy: str
    accuracy: str
    macro_auc: str
    melanoma_auc: str
    ece: str
    coverage: str
    recall: str
    precision: str
    specificity: str
    auc: str
    row_share: str
    confusion: str
    roc: str
    roc_by_class: str
    f1: str
    architecture: str
    architecture_alt: str
    curves: str
    training: str
    validation: str
    epoch: str
    loss: str
    reliability: str
    network: str
    false_positives: str
    sensitivity: str
    predicted: str
    observed: str
    sources: Mapping[str, str]  # of photographs, by their key in the figures


@dataclass(frozen=True)
class DataTexts:
    """Data tab."""

    own: str
    own_intro: str
    intro: str
    mean: str
    diagnoses: str
    sources: str
    unknown: str
    lesion: str
    by_field: str
    group: str
    diagnosis_by_field: str
    origin: str


@dataclass(frozen=True)
class AboutTexts:
    """About tab."""

    these: str
    malignant: str
    precursors: str
    definitions: Mapping[str, str]
    parts: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Texts:
    """All texts of the page in one language."""

    language: LanguageTexts
    page: PageTexts
    tabs: TabsTexts
    status: StatusTexts
    inputs: InputsTexts
    fields: Mapping[str, str]  # labels of the patient's fields by key
    result: ResultTexts
    malignancy: MalignancyTexts
    melanoma: MelanomaTexts
    notices: Mapping[str, str]  # of the photograph, by key of the study's warnings
    quality: QualityTexts
    lesions: LesionsTexts
    why: WhyTexts
    report: ReportTexts
    errors: ErrorsTexts
    cases: CasesTexts
    batch: BatchTexts
    classroom: ClassroomTexts
    model: ModelTexts
    data: DataTexts
    about: AboutTexts
    words: Mapping[str, str]  # by the English term: diagnoses, sexes, sites, groups, units

    def word(self, english: str) -> str:
        """What the page shows for a term; one that has no translation as it is."""
        return self.words.get(english, english)

    @property
    def numbers(self) -> Numbers:
        """How the language writes figures."""
        return Numbers(self.language.decimal, self.language.thousands, self.language.percent)

    def count(self, number: int) -> str:
        """A whole number as the language writes it."""
        return self.numbers.count(number)
