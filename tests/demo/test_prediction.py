"""What page and report say of one prediction."""

from dataclasses import replace

import pytest

from demo.formatting import ENGLISH, in_sentence, percentages
from demo.prediction import (
    Prediction,
    context_words,
    malignancy,
    prediction_html,
    short_answer,
)
from demo.templates import Templates
from demo.texts import load_texts
from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.inference.bundle import RELEASED, read_manifest
from model.patient import FIELDS, Patient
from tests.demo.pages import MEASURED, asking, interval
from tests.drawings import draw_lesion
from tests.fakes.study import FakeStudy

TEMPLATES = Templates(load_texts())
RESULT = TEMPLATES.texts.result
ANSWER = dict.fromkeys(DIAGNOSES, 0.1) | {"MEL": 0.2, "NV": 0.2}


@pytest.fixture
def manifest():
    points = {"malignant": {"at_90_sensitivity": 0.45}}
    sets = {"coverage": 0.9}
    sound = read_manifest(RELEASED)
    return replace(sound, operating_points=points, metrics={}, prediction_sets=sets)


def measured_on_test(manifest, **found):
    """The manifest of a network with these figures of its test set."""
    return replace(manifest, metrics={"test": found})


def said(manifest, probabilities=ANSWER, **others):
    values = {
        "patient": Patient(),
        "alone": probabilities,
        "prediction_set": ("MEL", "NV"),
        "ood_score": 0.5,
        "quality": (),
    }
    return prediction_html(
        Prediction(probabilities=probabilities, **(values | others)), manifest, TEMPLATES
    )


def test_shown_percentages_sum_to_exactly_100():
    thirds = percentages({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3})
    assert sum(thirds.values()) == pytest.approx(100, abs=1e-9)
    assert sorted(thirds.values()) == [33.3, 33.3, 33.4]


def test_a_certain_answer_is_shown_as_100_and_0():
    assert percentages({"A": 1.0, "B": 0.0}) == {"A": 100.0, "B": 0.0}


def test_bars_keep_an_order_whatever_the_probabilities_with_malignant_ones_first(manifest):
    html = said(manifest, dict.fromkeys(reversed(DIAGNOSIS_NAMES), 0.0) | {"SCC": 1.0})
    ordered = ("MEL", "BCC", "SCC", "AK", "NV", "BKL", "DF", "VASC")
    places = [html.index(f'data-class="{code}"') for code in ordered]
    assert places == sorted(places)
    assert "Squamous cell carcinoma" in html
    assert "100.0 %" in html


def test_listed_diagnoses_stand_out(manifest):
    html = said(manifest)
    assert html.count('class="listed"') == 2
    assert RESULT.scope_listed in html
    bare = said(manifest, prediction_set=())
    assert "listed" not in bare
    assert "headline" not in bare


def test_context_names_only_what_is_known():
    assert (
        context_words(Patient(age=55.0, sex="female"), FIELDS, TEMPLATES.texts) == "age 55, female"
    )
    assert context_words(Patient(), FIELDS, TEMPLATES.texts) == RESULT.no_context


def test_the_change_is_the_difference_of_the_shown_values(manifest):
    rest = dict.fromkeys(DIAGNOSES[2:], 0.0)
    html = said(
        manifest,
        {"MEL": 0.40049, "NV": 0.59951, **rest},
        alone={"MEL": 0.3, "NV": 0.7, **rest},
    )
    assert "+10.0 pp" in html
    assert "−10.0 pp" in html


def test_a_change_that_is_shown_as_zero_has_no_sign():
    changes = [ENGLISH.signed(points) for points in (0.04, -0.04, 0.05001, -3.2)]
    assert changes == ["0.0", "0.0", "+0.1", "−3.2"]


@pytest.mark.parametrize(
    ("coverage", "promise"),
    [
        (None, "designed to contain the true diagnosis in 9 of 10"),
        (0.908, "In testing, 9 of 10 such lists contained"),
        (0.72, "7 of 10 such lists contained"),
        (0.0, "0 of 10 such lists contained"),
        (0.96, "9 of 10 such lists contained"),  # ten only where no list was wrong
        (1.0, "10 of 10 such lists contained"),
    ],
)
def test_the_headline_says_how_often_such_lists_were_right(manifest, coverage, promise):
    html = said(measured_on_test(manifest, coverage={"value": coverage}))
    assert "Likely: melanoma, melanocytic nevus." in html
    assert promise in html
    # Of one diagnosis they may have held fewer.
    assert ("across all diagnoses" in html) == (coverage is not None)


def test_the_headline_promises_nothing_for_photographs_that_the_lists_were_not_tested_on(manifest):
    html = said(measured_on_test(manifest, coverage={"value": 0.9}), ood_score=1.2)
    assert "Likely: melanoma" in html
    assert "of 10" not in html
    assert RESULT.untested in html


def test_without_context_the_caption_says_that_both_columns_are_the_image_alone(manifest):
    assert "both columns are for the image alone" in said(manifest)
    assert "age 60" in said(manifest, patient=Patient(age=60.0))


def test_warnings_say_what_is_wrong_and_nothing_where_nothing_is(manifest):
    for score in (0.9, None):
        assert "warning" not in said(manifest, ood_score=score)
    html = said(manifest, quality=("blurred", "dark"), ood_score=1.2)
    assert "blurred, too dark" in html
    assert "Unlike the training images" in html


def test_every_problem_of_quality_has_its_words():
    from model.inference.quality import _ORDER

    for problem in (*_ORDER, "small_image"):
        assert getattr(TEMPLATES.texts.quality, problem)


def test_malignant_classes_are_summed_and_precursors_stand_apart(manifest):
    found = malignancy(ANSWER, manifest)
    assert found.malignant == pytest.approx(0.4)  # MEL, BCC, SCC
    assert found.precursors == {"AK": 0.1}
    assert found.malignant + found.benign + 0.1 == pytest.approx(1)
    text = said(manifest)
    assert "Malignant 40.0 %; benign 50.0 %; precursor (actinic keratosis) 10.0 %." in text


def test_the_sum_stands_beside_its_threshold(manifest):
    assert "It is below the threshold of 45.0 %" in said(manifest)
    low = replace(manifest, operating_points={"malignant": {"at_90_sensitivity": 0.4}})
    exactly = ANSWER | {"MEL": 0.25, "BCC": 0.125, "SCC": 0.025}
    assert "It reaches the threshold of 40.0 %" in said(low, exactly)
    assert "the threshold of" not in said(replace(manifest, operating_points={}))


def test_what_the_threshold_gave_on_test_images_is_said_of_images_like_them(manifest):
    measured = measured_on_test(manifest, operating_points=MEASURED)
    assert malignancy(ANSWER, measured).specificity == interval(0.68)
    figures = "sensitivity of 89 % (84–94 %) and a specificity of 68 % (63–73 %)"
    assert figures in said(measured)
    assert figures not in said(measured, ood_score=1.2)


def test_what_the_finder_met_is_worth_a_notice(manifest):
    html = said(manifest, warnings=("not_dermoscopic", "several_lesions", "ood"))
    assert "the network has never learned from such photographs" in html
    assert "Several lesions were found" in html
    assert "No lesion was found" not in html


def test_what_is_not_dermoscopic_keeps_its_probabilities_closed(manifest):
    html = said(manifest, warnings=("not_dermoscopic",))
    before, closed = html.split('<details class="anyway"><summary>Show anyway</summary>')
    assert "never learned" in before
    assert "%" not in before
    assert closed.rstrip().endswith("</details>")
    assert "Show anyway" not in said(manifest)


def test_a_bar_has_a_band_over_views_and_fades_where_it_is_unreliable(manifest):
    html = said(manifest, ranges={"MEL": (0.1, 0.25)})
    assert html.count('class="band"') == 1
    assert "--low:10.0%;--high:25.0%" in html
    assert "not an uncertainty" in html
    assert "band" not in said(manifest)
    assert "doubtful" in said(manifest, ood_score=1.2)
    assert "doubtful" not in html


def test_cut_offs_are_marks_on_the_bars_of_melanoma_and_of_all_that_is_malignant(manifest):
    points = {"melanoma": {"at_90_sensitivity": 0.13}, "malignant": {"at_90_sensitivity": 0.22}}
    html = said(replace(manifest, operating_points=points))
    assert html.count('class="cut-off"') == 2
    assert html.index("--at:22.0%") < html.index('data-class="MEL"') < html.index("--at:13.0%")
    assert RESULT.cut_off in html
    assert "cut-off" not in said(replace(manifest, operating_points={}))


def test_sums_head_their_groups_and_a_task_that_does_not_say_has_none(manifest):
    html = said(manifest)
    assert html.count('scope="rowgroup"') == 3
    assert ">40.0 %</td>" in html[html.index(">Malignant</th>") : html.index('data-class="MEL"')]
    bare = asking("custom", {"A": "A", "B": "B"}).manifest
    assert "rowgroup" not in said(bare, {"A": 0.5, "B": 0.5}, prediction_set=())


def test_a_context_that_overturns_the_image_says_so_and_why_to_doubt_it(manifest):
    alone = ANSWER | {"BKL": 0.3, "MEL": 0.1, "NV": 0.1}
    whole = ANSWER | {"NV": 0.25, "MEL": 0.15}
    text = said(manifest, whole, alone=alone, patient=Patient(age=0.0))
    assert "suggests benign keratosis (30.0 %)" in text
    assert "changed that to melanocytic nevus (25.0 %). Treat this with caution" in text
    assert "with caution" not in said(manifest, whole, alone=whole, patient=Patient(age=0.0))


def test_a_change_whose_direction_differs_between_views_is_grey(manifest):
    html = said(manifest, unsteady=("NV",))
    assert html.count("unsteady") == 1
    assert RESULT.unsteady in html
    assert "italics" not in said(manifest)


def test_a_change_is_unsteady_only_where_it_would_be_seen_in_both_directions():
    study = FakeStudy(draw_lesion(0, seed=1))
    study.change_ranges = lambda patient: {
        "MEL": (-0.02, 0.03),
        "NV": (-0.0001, 0.03),
        "BCC": (0.01, 0.03),
    }
    assert Prediction.of(study, Patient(age=60.0)).unsteady == ["MEL"]
    assert Prediction.of(study, Patient()).unsteady == []


def test_beside_the_photograph_on_a_phone_stands_melanoma_however_improbable(manifest):
    improbable = ANSWER | {"MEL": 0.01, "NV": 0.39}
    prediction = Prediction(Patient(), improbable, improbable, ("NV",), None, ())
    shown = short_answer(prediction, manifest, TEMPLATES.texts)
    assert shown == ["Malignant 21.0 %", "Melanoma 1.0 %"]


def test_melanoma_has_a_line_of_its_own_however_improbable(manifest):
    points = {"melanoma": {"at_90_sensitivity": 0.13}}
    measured = {"melanoma": {"at_90_sensitivity": {"sensitivity": interval(0.9)}}}
    known = replace(measured_on_test(manifest, operating_points=measured), operating_points=points)
    text = said(known, ANSWER | {"MEL": 0.01, "NV": 0.5})
    assert "Melanoma 1.0 %." in text
    assert "It is below the cut-off of 13.0 %" in text
    assert "10 % (5–15 %) fell below this cut-off" in text
    assert "does not rule melanoma out" in text
    assert "It reaches the cut-off" in said(known, ANSWER | {"MEL": 0.13})
    assert "cut-off" not in said(replace(known, operating_points={}))


def test_a_network_without_melanoma_says_nothing_of_it():
    manifest = asking("custom", {"A": "A", "B": "B"}).manifest
    assert "elanoma" not in said(manifest, {"A": 0.5, "B": 0.5}, prediction_set=())


def test_a_task_that_does_not_say_what_is_malignant_is_not_summed_up():
    manifest = asking("custom", {"A": "A", "B": "B"}).manifest
    assert malignancy({"A": 0.5, "B": 0.5}, manifest) is None
    html = said(manifest, {"A": 0.5, "B": 0.5}, prediction_set=())
    assert "malignancy" not in html


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("Melanoma", "melanoma"),
        ("MEL", "MEL"),
        ("Bowen's disease", "Bowen's disease"),
        ("Spitz nevus", "Spitz nevus"),
    ],
)
def test_names_of_persons_and_codes_keep_their_capitals_in_a_sentence(name, within):
    assert in_sentence(name) == within
