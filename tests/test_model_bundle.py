"""A bundle explains itself, and refuses to be what it is not."""

import json
from dataclasses import replace
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from model.diagnosis import DIAGNOSES
from model.errors import BundleError
from model.image import ImagePreprocessor
from model.prediction.bundle import (
    MANIFEST_FILE,
    NETWORK_FILE,
    load_network,
    read_manifest,
    write_manifest,
)
from model.prediction.predictor import Predictor
from tests.toy_bundle import change_manifest


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
    assert "head/neck" in values["patient"]["sites"]
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
    with pytest.raises(BundleError, match=f"no sound manifest: {entry}") as refused:
        read_manifest(own_bundle)
    assert "\n" not in str(refused.value)


def test_a_manifest_of_another_size_does_not_fit_the_network(own_bundle):
    change_manifest(own_bundle, classes={"MEL": "Melanoma", "NV": "Nevus"})
    with pytest.raises(BundleError, match="shapes"):
        load_network(own_bundle, read_manifest(own_bundle))


def test_the_network_file_is_compressed(untrained_bundle):
    with ZipFile(untrained_bundle / NETWORK_FILE) as archive:
        assert {member.compress_type for member in archive.infolist()} == {ZIP_DEFLATED}
