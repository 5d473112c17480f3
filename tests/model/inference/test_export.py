"""A bundle exported to LiteRT answers as Keras does, and is what the page then loads."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from model.__main__ import main
from model.errors import BundleError
from model.inference.bundle import (
    LITERT_FILE,
    RELEASED,
    read_manifest,
    write_bundle,
    write_manifest,
)
from model.inference.export import TOLERANCE, halve, largest_difference, to_litert
from model.inference.keras_backend import KerasBackend
from model.inference.litert_backend import LiteRTBackend
from model.inference.predictor import Predictor
from model.networks.network import build_network
from model.patient import FIELDS, SITE, Patient
from tests.drawings import draw_lesion
from tests.fakes.toy_network import CLASSES, SIDE, WIDTH, build
from tests.model.inference import pinned
from tests.model.inference.pinned import ANSWERS, patients, photographs

KNOWN = Patient(age=70.0, sex="male", site="head/neck")


@pytest.fixture(scope="module")
def exported(untrained_bundle, tmp_path_factory):
    """A bundle of four TTA views, with its network for LiteRT."""
    bundle = tmp_path_factory.mktemp("export") / "bundle"
    shutil.copytree(untrained_bundle, bundle)
    write_manifest(bundle, replace(read_manifest(bundle), tta_views=4))
    assert main(["export", "--bundle", str(bundle)]) == 0
    return bundle


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "lesion.png"
    draw_lesion(2, seed=5, size=(240, 180)).save(path)
    return path


@pytest.mark.parametrize(
    ("fusion", "views"), [("film", 8), pytest.param("metablock", 1, marks=pytest.mark.slow)]
)
def test_the_exported_network_answers_as_keras_and_leaves_that_as_it_was(
    fusion, views, untrained_bundle, tmp_path
):
    network = build(fusion, patient_layers=1, further_units=(6,), head_batchnorm=True)
    manifest = replace(read_manifest(untrained_bundle), tta_views=views)
    assert (manifest.image.side, manifest.patient.width, len(manifest.codes)) == (
        SIDE,
        WIDTH,
        CLASSES,
    )
    before = json.dumps(network.get_config(), default=str)
    (tmp_path / LITERT_FILE).write_bytes(to_litert(network, tta_views=views))
    assert json.dumps(network.get_config(), default=str) == before
    exported = Predictor(LiteRTBackend(tmp_path / LITERT_FILE), manifest)
    assert (
        largest_difference(
            Predictor(KerasBackend(network, tta_views=manifest.tta_views), manifest), exported
        )
        < TOLERANCE
    )


def test_weights_that_float16_holds_are_stored_so_and_nothing_is_lost(untrained_bundle, tmp_path):
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 128, -127 / 128)(image)
    x = keras.layers.Conv2D(8, 3, 8, "same", use_bias=False)(x)
    backbone = keras.Model(image, keras.layers.BatchNormalization()(x))
    network = build_network(backbone, patient_width=WIDTH, classes=CLASSES, fused_units=512)
    halve(network)
    (tmp_path / LITERT_FILE).write_bytes(to_litert(network, tta_views=4))
    # The head is in it twice, as it is and transposed.
    assert (tmp_path / LITERT_FILE).stat().st_size < 5 * network.count_params()
    manifest = replace(read_manifest(untrained_bundle), tta_views=4)
    exported = Predictor(LiteRTBackend(tmp_path / LITERT_FILE), manifest)
    assert (
        largest_difference(
            Predictor(KerasBackend(network, tta_views=manifest.tta_views), manifest), exported
        )
        < TOLERANCE / 10
    )


def test_a_network_that_litert_cannot_run_is_named_and_goes_on_through_keras():
    with pytest.raises(BundleError, match=r"CrossAttention.*through Keras"):
        to_litert(build("cross_attention"), tta_views=1)


def test_the_page_answers_through_litert_what_keras_answers(exported, photograph):
    found = Predictor.load(exported).study(photograph)
    expected = Predictor.load(exported, backend="keras").study(photograph)
    for patient in (Patient(), KNOWN):
        assert found.probabilities(patient) == pytest.approx(
            expected.probabilities(patient), abs=TOLERANCE
        )
        for code in ("MEL", "SCC"):
            np.testing.assert_allclose(
                found.grad_cam(patient, code), expected.grad_cam(patient, code), atol=TOLERANCE
            )
    assert found.prediction_set(KNOWN) == expected.prediction_set(KNOWN)
    for field in FIELDS:
        assert found.what_if(KNOWN, field, "MEL") == pytest.approx(
            expected.what_if(KNOWN, field, "MEL"), abs=TOLERANCE
        )
    assert found.ood_score == pytest.approx(expected.ood_score, rel=1e-3)
    assert [case.isic_id for case in found.similar(3)] == [
        case.isic_id for case in expected.similar(3)
    ]


@pytest.mark.parametrize("tta", [True, False])
def test_litert_gives_evaluation_the_outputs_of_keras_with_and_without_tta(exported, tta):
    images = [draw_lesion(kind, seed=kind).resize((SIDE, SIDE)) for kind in range(6)]
    arrays, patients = np.stack(list(map(np.asarray, images))), [Patient(), KNOWN] * 3
    found = Predictor.load(exported).outputs(arrays, patients, tta=tta)
    expected = Predictor.load(exported, backend="keras").outputs(arrays, patients, tta=tta)
    for name in ("probabilities", "logits", "embeddings"):
        values = getattr(expected, name)
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-3, atol=TOLERANCE)


def test_asked_from_many_threads_each_gets_its_own_answer(exported, tmp_path):
    predictor = Predictor.load(exported, backend="litert")
    paths = [tmp_path / f"{kind}.png" for kind in range(4)]
    for kind, path in enumerate(paths):
        draw_lesion(kind, seed=kind, size=(120, 90)).save(path)

    def answer(path):
        study = predictor.study(path)
        return study.probabilities(KNOWN)["NV"], study.what_if(KNOWN, SITE, "NV")["head/neck"]

    expected = [answer(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answer, paths * 10)) == expected * 10


def test_without_its_file_the_bundle_is_served_through_keras(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "bundle")
    (tmp_path / "bundle" / LITERT_FILE).unlink()
    assert Predictor.load(tmp_path / "bundle").backend.name == "keras"
    with pytest.raises(BundleError, match=f"no {LITERT_FILE}.*model export"):
        Predictor.load(tmp_path / "bundle", backend="litert")


def test_one_changed_byte_of_the_exported_network_is_noticed(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "bundle")
    content = bytearray((tmp_path / "bundle" / LITERT_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bundle" / LITERT_FILE).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{LITERT_FILE} is not the file .*SHA-256"):
        Predictor.load(tmp_path / "bundle")


def test_another_network_in_the_bundle_takes_the_exported_one_away(exported, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(exported, bundle)
    predictor = Predictor.load(bundle, backend="keras")
    write_bundle(bundle, predictor.backend.network, predictor.manifest)
    assert not (bundle / LITERT_FILE).exists()
    assert LITERT_FILE not in read_manifest(bundle).files


def test_a_folder_for_a_phone_says_how_to_prepare_and_to_name(exported, tmp_path, capsys):
    assert main(["export", "--bundle", str(exported), "--out", str(tmp_path / "phone")]) == 0
    assert "differ from Keras' by" in capsys.readouterr().out
    notes = json.loads((tmp_path / "phone" / "network.json").read_text())
    manifest = read_manifest(exported)
    assert list(notes["classes"]) == manifest.codes
    assert notes["image"]["range"] == [0, 255]
    assert notes["tta_views"] == 4
    assert notes["network_sha256"] == manifest.network_sha256
    assert sorted(path.name for path in (tmp_path / "phone").iterdir()) == [
        "network.json",
        LITERT_FILE,
    ]


def test_the_shipped_file_answers_the_pinned_photographs_as_keras_did():
    predictor = Predictor.load(RELEASED)
    assert predictor.backend.name == "litert"
    written_down = json.loads(ANSWERS.read_text())["predictions"]
    for path, patient in zip(photographs(), patients(), strict=True):
        found = predictor.predict(path, patient)
        assert found == pytest.approx(written_down[path.stem], abs=pinned.TOLERANCE)


def test_other_tta_views_take_the_exported_network_away_and_say_so(
    exported, toy_folder, tmp_path, capsys
):
    bundle = tmp_path / "bundle"
    shutil.copytree(exported, bundle)
    words = ["calibrate", "--data", toy_folder, "--bundle", bundle, "--cache", tmp_path]
    assert main([str(word) for word in [*words, "--tta-views", 4]]) == 0
    assert Predictor.load(bundle).backend.name == "litert"
    assert main([str(word) for word in [*words, "--tta-views", 2]]) == 0
    said = capsys.readouterr().out
    assert "averaged over other TTA views; to write it again: python -m model export" in said
    assert not (bundle / LITERT_FILE).exists()
    assert Predictor.load(bundle).backend.tta_views == 2
