"""Every diagnosis and site that the Archive knows, in all three of its vocabularies."""

import json
from collections import Counter
from pathlib import Path

import pytest

from isic_api.vocabulary import (
    CHALLENGE_CLASSES,
    CHALLENGE_SITES,
    DIAGNOSIS_RULES,
    FLAT_DIAGNOSES,
    FLAT_SITES,
    SITE_RULES,
    UNKNOWN_CLASS,
    challenge_class,
    challenge_sex,
    challenge_site,
    diagnosis_levels,
    site_levels,
)

DATA = Path(__file__).parents[1] / "data/isic_api"
DIAGNOSES = json.loads((DATA / "diagnosis_vocab.json").read_text())
SITES = json.loads((DATA / "anatom_vocab.json").read_text())

# Written as whole branches of the tree, where the rules under test look at single levels.
DIAGNOSIS_BRANCHES = {
    "Malignant:Malignant melanocytic proliferations (Melanoma)": "MEL",
    "Benign:Benign melanocytic proliferations:Nevus": "NV",
    "Malignant:Malignant adnexal epithelial proliferations - Follicular:Basal cell carcinoma": (
        "BCC"
    ),
    "Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis": "AK",
    "Benign:Benign epidermal proliferations:Pigmented benign keratosis": "BKL",
    "Benign:Benign epidermal proliferations:Seborrheic keratosis": "BKL",
    "Benign:Benign epidermal proliferations:Solar lentigo": "BKL",
    "Benign:Benign epidermal proliferations:Lichen planus like keratosis": "BKL",
    "Benign:Benign soft tissue proliferations - Fibro-histiocytic:Dermatofibroma": "DF",
    "Benign:Benign soft tissue proliferations - Vascular": "VASC",
    "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma in situ": "SCC",
    "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, Invasive": "SCC",
    "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, NOS": "SCC",
}
SITE_BRANCHES = {
    "Upper extremity:Hand:Palm of hand": "palms/soles",
    "Lower extremity:Foot:Sole of foot": "palms/soles",
    "Anogenital region": "oral/genital",
    "Head and neck:Head:Face:Mouth": "oral/genital",
    "Head and neck": "head/neck",
    "Upper extremity": "upper extremity",
    "Lower extremity": "lower extremity",
    "Trunk:Anterior trunk": "anterior torso",
    "Trunk:Posterior trunk": "posterior torso",
    "Trunk:Lateral trunk": "lateral torso",
}


def in_branch(path, branches, otherwise):
    for branch, result in branches.items():
        if path == branch or path.startswith(branch + ":"):
            return result
    return otherwise


def class_of(path):
    return challenge_class(diagnosis_levels(path.split(":")))


def test_the_vocabularies_are_complete():
    assert (len(DIAGNOSES), len(SITES)) == (418, 206)


@pytest.mark.parametrize("path", DIAGNOSES)
def test_diagnosis_to_class(path):
    assert class_of(path) == in_branch(path, DIAGNOSIS_BRANCHES, UNKNOWN_CLASS)


@pytest.mark.parametrize("path", SITES)
def test_site_to_challenge_site(path):
    assert challenge_site(*site_levels(path.split(":"))) == in_branch(path, SITE_BRANCHES, None)


def test_counts_by_class_and_site_counted_by_hand_in_the_vocabulary():
    classes = Counter(class_of(path) for path in DIAGNOSES)
    # e.g. VASC: the branch itself, 21 names below it and 6 below those; NV: 1 + 20 + 11
    assert {name: classes[name] for name in CHALLENGE_CLASSES} == {
        "MEL": 29,
        "NV": 32,
        "BCC": 10,
        "AK": 6,
        "BKL": 5,
        "DF": 6,
        "VASC": 28,
        "SCC": 35,
    }
    assert sum(classes.values()) == 418
    only_trunk = [path for path in SITES if challenge_site(*site_levels(path.split(":"))) is None]
    assert only_trunk == ["Trunk"]


def test_level_three_decides_whatever_stands_above_it():
    levels = ("Malignant", "Malignant epidermal proliferations", "Solar or actinic keratosis")
    assert challenge_class(diagnosis_levels(levels)) == "AK"
    assert challenge_class(diagnosis_levels((None, None, "Nevus"))) == "NV"


def test_no_diagnosis_is_no_class_and_not_unknown():
    assert challenge_class(diagnosis_levels(())) is None
    assert challenge_class(diagnosis_levels((None, None), None)) is None
    assert challenge_class(diagnosis_levels(("Benign",))) == "UNK"


@pytest.mark.parametrize(
    ("flat", "expected"),
    [
        ("melanoma", "MEL"),
        ("melanoma metastasis", "MEL"),
        ("nevus", "NV"),
        ("basal cell carcinoma", "BCC"),
        ("actinic keratosis", "AK"),
        ("pigmented benign keratosis", "BKL"),
        ("seborrheic keratosis", "BKL"),
        ("solar lentigo", "BKL"),
        ("lichenoid keratosis", "BKL"),
        ("dermatofibroma", "DF"),
        ("vascular lesion", "VASC"),
        ("angioma", "VASC"),
        ("pyogenic granuloma", "VASC"),
        ("angiokeratoma", "VASC"),
        ("squamous cell carcinoma", "SCC"),
        ("Nevus", "NV"),
        ("other", "UNK"),
        ("scar", "UNK"),
    ],
)
def test_flat_diagnosis_of_the_first_era(flat, expected):
    assert challenge_class(diagnosis_levels((), flat), flat) == expected


def test_flat_names_lead_to_names_of_the_hierarchy():
    for levels in FLAT_DIAGNOSES.values():
        assert ":".join(levels) in DIAGNOSES
    for levels, special in FLAT_SITES.values():
        assert special or ":".join(levels) in SITES


@pytest.mark.parametrize("general", CHALLENGE_SITES)
def test_the_old_site_names_come_back_as_themselves(general):
    assert challenge_site(*site_levels((), general=general)) == general


@pytest.mark.parametrize(
    ("levels", "special", "expected"),
    [
        (("Lower extremity", "Foot"), "acral palms or soles", "palms/soles"),
        (("Head and neck",), "oral or genital", "oral/genital"),
        (("Upper extremity", "Hand"), "fingernail", "upper extremity"),
        ((), "nail NOS", None),
        ((), "acral NOS", None),
        (("Trunk",), None, None),
        ((), None, None),
    ],
)
def test_special_sites_come_before_levels(levels, special, expected):
    assert challenge_site(*site_levels(levels, special)) == expected


@pytest.mark.parametrize(
    ("sex", "expected"),
    [("male", "male"), (" Female ", "female"), ("intersex", None), ("", None), (None, None)],
)
def test_a_sex_is_a_word_of_the_challenge_or_unknown(sex, expected):
    assert challenge_sex(sex) == expected


def test_levels_win_over_the_older_names():
    assert diagnosis_levels(("Benign",), "melanoma")[0] == "Benign"
    assert site_levels(("Trunk",), general="head/neck")[0][0] == "Trunk"


def test_rules_speak_the_challenges_words():
    assert {rule.result for rule in DIAGNOSIS_RULES} == set(CHALLENGE_CLASSES)
    assert {rule.result for rule in SITE_RULES} == set(CHALLENGE_SITES)
