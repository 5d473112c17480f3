"""A bundle explains itself, and refuses to be what it is not."""

import json
from dataclasses import replace
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from model.diagnosis import DIAGNOSES
from model.errors import BundleError
from model.image import ImagePreprocessor
from model.inference.bundle import (
    MANIFEST_FILE,
    NETWORK_FILE,
    OOD_FILE,
    OOD_FILE_IN_FORMAT_1,
    file_sha256,
    read_manifest,
    write_manifest,
)
from model.inference.keras_backend import load_network
from model.inference.predictor import Predictor
from tests.drawings import draw_lesion, encoded
from tests.fakes.toy_bundle import as_format_1, change_manifest


def test_a_manifest_reads_back_equal(own_bundle):
    manifest = read_manifest(own_bundle)
    write_manifest(own_bundle, manifest)
    assert read_manifest(own_bundle) == manifest


def test_every_setting_of_the_preprocessing_travels(own_bundle):
    manifest = read_manifest(own_bundle)
    image = ImagePreprocessor(48, crop_border=False, aspect="pad")
    write_manifest(own_bundle, replace(manifest, image=image))
    assert read_manifest(own_bundle).image == image


def test_it_says_classes_range_words_licence_and_use(own_bundle):
    values = json.loads((own_bundle / MANIFEST_FILE).read_text())
    assert list(values["classes"]) == list(DIAGNOSES)
    assert values["image"]["range"] == [0, 255]
    fields = {field["key"]: field for field in values["patient"]["fields"]}
    assert "head/neck" in fields["site"]["words"]
    assert fields["age"]["unit"] == "years"
    assert values["licence"] == "CC BY-NC 4.0"
    assert "Not a medical device" in values["intended_use"]
    assert values["versions"]["keras"]


@pytest.mark.parametrize("name", [NETWORK_FILE, MANIFEST_FILE])
def test_a_missing_file_is_named(own_bundle, name):
    (own_bundle / name).unlink()
    with pytest.raises(BundleError, match=name):
        Predictor.load(own_bundle)


def test_a_truncated_network_is_refused(own_bundle):
    path = own_bundle / NETWORK_FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BundleError, match="SHA-256"):
        Predictor.load(own_bundle)


def test_a_truncated_manifest_is_refused(own_bundle):
    path = own_bundle / MANIFEST_FILE
    path.write_text(path.read_text()[:500])
    with pytest.raises(BundleError, match="manifest"):
        Predictor.load(own_bundle)


def test_another_format_is_refused(own_bundle):
    change_manifest(own_bundle, format=99)
    with pytest.raises(BundleError, match="format 99"):
        read_manifest(own_bundle)


def test_an_unknown_entry_is_refused(own_bundle):
    change_manifest(own_bundle, colour="blue")
    with pytest.raises(BundleError, match="colour"):
        read_manifest(own_bundle)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("classes", ["MEL", "NV"]),
        ("temperature", "hot"),
        ("temperature", 0),
        ("views", 0),
        ("training", None),
        ("malignant", "MEL"),
        ("malignant", ["XYZ"]),
        ("precursors", ["XYZ"]),
        ("prediction_sets", {"coverage": 0.9, "thresholds": {"MEL": 0.1}}),
        ("operating_points", {"melanoma": 0.5}),
        ("quality", {"dark": "very"}),
        ("metrics", []),
    ],
)
def test_an_entry_that_makes_no_sense_is_named_in_one_line(own_bundle, entry, value):
    change_manifest(own_bundle, **{entry: value})
    with pytest.raises(BundleError, match=f"not a valid manifest: {entry}") as refused:
        read_manifest(own_bundle)
    assert "\n" not in str(refused.value)


def test_a_manifest_of_another_size_does_not_fit_the_network(own_bundle):
    change_manifest(own_bundle, classes={"MEL": "Melanoma", "NV": "Nevus"})
    with pytest.raises(BundleError, match="shapes"):
        load_network(own_bundle, read_manifest(own_bundle))


def test_the_network_file_is_compressed(untrained_bundle):
    with ZipFile(untrained_bundle / NETWORK_FILE) as archive:
        assert {member.compress_type for member in archive.infolist()} == {ZIP_DEFLATED}


def test_the_manifest_has_the_hash_of_every_file_that_was_written(own_bundle):
    files = read_manifest(own_bundle).files
    assert set(files) == {path.name for path in own_bundle.iterdir()} - {MANIFEST_FILE}
    assert files == {name: file_sha256(own_bundle / name) for name in files}


def test_a_bundle_of_format_1_opens_and_is_written_in_format_2(own_bundle):
    photograph, manifest = encoded(draw_lesion(2, seed=1), "PNG"), read_manifest(own_bundle)
    expected = Predictor.load(own_bundle).study(photograph)
    as_format_1(own_bundle)
    assert (own_bundle / OOD_FILE_IN_FORMAT_1).exists()
    found = Predictor.load(own_bundle).study(photograph)
    assert found.ood_score == expected.ood_score
    assert found.similar(3) == expected.similar(3)
    old = read_manifest(own_bundle)
    renamed = {OOD_FILE_IN_FORMAT_1: OOD_FILE}
    files = {renamed.get(name, name): sha256 for name, sha256 in old.files.items()}
    assert replace(old, files=files) == manifest
    write_manifest(own_bundle, old)
    assert json.loads((own_bundle / MANIFEST_FILE).read_text())["format"] == 2
    assert Predictor.load(own_bundle).study(photograph).ood_score == expected.ood_score
