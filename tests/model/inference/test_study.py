"""A study answers as the predictor does, and says what the context changed and what is similar."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.errors import BundleError, ImageError
from model.inference.bundle import SIMILAR_FILE, read_manifest, write_manifest
from model.inference.conformal import prediction_sets
from model.inference.keras_backend import KerasBackend
from model.inference.predictor import Predictor
from model.inference.similar import CaseIndex
from model.patient import AGE, FIELDS, SITE, Patient
from tests.drawings import draw_lesion, encoded

KNOWN = Patient(age=70.0, sex="male", site="head/neck")
_OLDER = {"patient.age": "ages", "patient.sex": "sexes", "patient.site": "sites"}
CONTEXTS = [Patient(), Patient(age=30.0), Patient(sex="female"), KNOWN]


@pytest.fixture(scope="module", params=[1, 4])
def predictor(request, untrained_bundle):
    shipped = Predictor.load(untrained_bundle)
    backend = KerasBackend(shipped.backend.network, tta_views=request.param)
    manifest = replace(shipped.manifest, tta_views=request.param)
    return Predictor(backend, manifest, shipped.detector, shipped.cases)


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "lesion.png"
    draw_lesion(2, seed=5, size=(240, 180)).save(path)
    return path


@pytest.fixture(scope="module")
def study(predictor, photograph):
    return predictor.study(photograph)


@pytest.mark.parametrize("patient", CONTEXTS)
def test_it_gives_the_predictors_probabilities(study, predictor, photograph, patient):
    expected = predictor.predict(photograph, patient)
    found = study.probabilities(patient)
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-6)


def test_its_prediction_set_is_the_predictors_most_probable_first(study, predictor):
    found = study.prediction_set(KNOWN)
    row = study.probabilities(KNOWN)
    thresholds = predictor.manifest.set_thresholds
    inside = prediction_sets(np.array([list(row.values())]), thresholds)[0]
    assert set(found) == {code for code, yes in zip(row, inside, strict=True) if yes}
    assert [row[code] for code in found] == sorted((row[code] for code in found), reverse=True)


@pytest.mark.parametrize("patient", CONTEXTS)
def test_contributions_sum_to_what_the_context_changed(study, patient):
    contributions = study.contributions(patient)
    assert list(contributions) == list(study.probabilities(patient))
    for code in ("MEL", "SCC"):
        found = contributions[code]
        assert list(found) == [field.key for field in FIELDS]
        changed = study.probabilities(patient)[code] - study.probabilities(Patient())[code]
        assert sum(found.values()) == pytest.approx(changed, abs=1e-6)
        assert all(moved == 0 for key, moved in found.items() if key not in patient)


def test_the_change_by_context_lies_between_its_ends_over_the_views(study):
    patient = Patient(age=70.0, sex="female")
    alone, whole = study.probabilities(Patient()), study.probabilities(patient)
    ends = study.change_ranges(patient)
    assert all(low <= high for low, high in ends.values())
    assert any(low < 0 for low, _ in ends.values())  # they sum to zero in every view
    for code, (low, high) in ends.items():
        assert low - 0.02 <= whole[code] - alone[code] <= high + 0.02  # views are averaged before
    assert study.change_ranges(Patient()) == dict.fromkeys(whole, (0.0, 0.0))


def test_what_if_holds_the_present_patient_and_every_word(study):
    ages = study.what_if(KNOWN, AGE, "MEL")
    assert ages[70] == pytest.approx(study.probabilities(KNOWN)["MEL"], abs=1e-6)
    sites = study.what_if(KNOWN, SITE, "MEL")
    assert list(sites) == [*SITE.words, None]
    assert sites["head/neck"] == pytest.approx(study.probabilities(KNOWN)["MEL"], abs=1e-6)


def test_its_grad_cam_is_the_predictors(study, predictor, photograph):
    prepared = predictor.manifest.image.load(photograph)[None]
    number = predictor.manifest.codes.index("BCC")
    expected = predictor.grad_cam(prepared, [KNOWN], np.array([number]))[0]
    np.testing.assert_allclose(study.grad_cam(KNOWN, "BCC"), expected, atol=1e-4)


def test_the_most_similar_case_of_a_training_image_is_itself(untrained_bundle, toy_folder):
    predictor = Predictor.load(untrained_bundle)
    name = predictor.manifest.split.train[7]
    cases = predictor.study(toy_folder / "images" / f"{name}.jpg").similar(5)
    assert cases[0].isic_id == name
    assert cases[0].similarity == pytest.approx(1.0, abs=2e-3)
    likeness = [case.similarity for case in cases]
    assert likeness == sorted(likeness, reverse=True)
    lesions = {case.isic_id[:-2] for case in cases}
    assert len(lesions) == 5
    assert all(case.isic_id in predictor.manifest.split.train for case in cases)


def test_an_index_whose_fields_have_names_of_their_own_is_read_as_one_by_key(
    untrained_bundle, tmp_path
):
    with np.load(untrained_bundle / SIMILAR_FILE) as arrays:
        older = {_OLDER.get(name, name): values for name, values in arrays.items()}
    np.savez(tmp_path / "older.npz", **older)
    assert {"ages", "sexes", "sites"} < set(older)
    index = CaseIndex.load(tmp_path / "older.npz")
    expected = CaseIndex.load(untrained_bundle / SIMILAR_FILE)
    found = index.nearest(np.zeros(len(index.centre)), 9)
    assert found == expected.nearest(np.zeros(len(index.centre)), 9)
    assert any("age" in case.patient for case in found)


def test_a_study_asked_from_many_threads_answers_each(study):
    expected = [study.probabilities(patient)["NV"] for patient in CONTEXTS]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: study.probabilities(p)["NV"], CONTEXTS * 5))
    np.testing.assert_allclose(found, expected * 5, atol=1e-6)


def test_the_photograph_shown_is_reduced_and_its_ood_score_known(predictor, tmp_path):
    path = tmp_path / "large.png"
    draw_lesion(1, seed=1, size=(1600, 1200)).save(path)
    study = predictor.study(path)
    assert study.photograph.size == (1024, 768)
    assert study.ood_score > 0


def test_a_file_that_is_no_photograph_is_refused(predictor):
    with pytest.raises(ImageError):
        predictor.study(b"not an image")


def test_without_index_detector_and_limits_a_study_says_less(untrained_bundle, photograph):
    shipped = Predictor.load(untrained_bundle)
    bare = replace(shipped.manifest, quality={}, prediction_sets={})
    study = Predictor(shipped.backend, bare).study(photograph)
    assert (study.similar(3), study.quality, study.prediction_set(KNOWN)) == ([], (), ())
    assert study.ood_score is None


def test_an_index_of_another_bundle_is_refused(untrained_bundle, tmp_path):
    for file in untrained_bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = read_manifest(tmp_path)
    files = manifest.files | {SIMILAR_FILE: "0" * 64}
    write_manifest(tmp_path, replace(manifest, files=files))
    with pytest.raises(BundleError, match="similar"):
        Predictor.load(tmp_path)


def test_poor_photographs_are_named(untrained_bundle, photograph):
    predictor = Predictor.load(untrained_bundle)
    lesion = Image.open(photograph)
    dark = Image.fromarray((np.asarray(lesion) * 0.2).astype(np.uint8))
    tiny = lesion.resize((60, 45))
    assert "small_image" not in _quality(predictor, lesion)
    assert "dark" in _quality(predictor, dark)
    assert "small_image" in _quality(predictor, tiny)


def _quality(predictor, image):
    return predictor.study(encoded(image, "PNG")).quality
