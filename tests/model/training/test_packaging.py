"""From a training to a bundle, which opens in a process that knows nothing of the training."""

import numpy as np
import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.errors import BundleError, ConfigError
from model.inference.bundle import (
    NETWORK_FILE,
    OOD_FILE,
    SIMILAR_FILE,
    read_manifest,
)
from model.inference.embeddings import WIDEST, Projection, image_vectors, projection_for
from model.inference.keras_backend import load_network
from model.networks.fusion import FUSIONS
from model.training.packaging import calibrate_bundle, even_rows
from tests.fakes.packaged import draw_few, fresh, opened_afresh, trained

SMALL = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32"]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """What a tiny training learns from."""
    return draw_few(tmp_path_factory.mktemp("few"))


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_bundle_of_every_fusion_opens_in_a_fresh_process(few, tmp_path):
    bundles = []
    for fusion in (*FUSIONS, "add"):
        backbone = ["--backbone", "none"] if fusion == "metadata" else []
        settings = [*SMALL, *backbone, "--fusion", fusion]
        bundles.append(trained(few, tmp_path / fusion, *settings))
    opened_afresh(few, *bundles)
    words = ["predict", few.data / "images", "--bundle", tmp_path / "none" / "bundle"]
    assert "16 of 16" in fresh("-m", "model", *words, "--out", tmp_path / "p.csv")


def test_wide_embeddings_are_projected_and_others_stay_as_they_are():
    assert projection_for(WIDEST) is None
    rows = np.arange(8.0).reshape(2, 4)
    assert image_vectors(rows, None) is rows
    assert image_vectors(rows[None], None).tolist() == [rows.mean(axis=0).tolist()]
    assert image_vectors(np.ones((3, 5000), np.float32), projection_for(5000)).shape[1] < WIDEST


def test_a_projection_keeps_distances_and_is_the_same_in_every_process():
    rows = np.random.default_rng(0).normal(size=(40, 20_000)).astype(np.float32)
    projected = projection_for(20_000)(rows)
    before, after = (np.linalg.norm(r[:20] - r[20:], axis=1) for r in (rows, projected))
    assert after == pytest.approx(before, rel=0.12)
    squares = np.arange(7.0)[None] ** 2  # with the signs + - - - + + + of seed 0
    assert Projection(7, width=3)(squares).tolist() == [[0 - 9 + 36, -1 + 16, -4 + 25]]


def test_rows_are_drawn_evenly_while_a_class_has_any():
    labels = np.repeat([0, 1, 2], [90, 8, 2])
    rows = even_rows(labels, 22)
    assert np.bincount(labels[rows]).tolist() == [12, 8, 2]
    assert (np.diff(rows) > 0).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_packaging_that_fails_is_made_up_for_by_the_same_command(few, tmp_path, monkeypatch):
    out = tmp_path / "run"
    words = ["train", "--data", few.data, "--split", few.split, "--out", out, *SMALL]
    words = [str(word) for word in [*words, "--cache", few.folder / "cache", "--epochs", 1]]

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr("model.inference.bundle.CaseIndex.save", killed)
        assert main(words) == 130
    assert not (out / "bundle").exists()
    history = (out / "history.csv").read_bytes()
    assert main(words) == 0
    assert (out / "history.csv").read_bytes() == history
    assert {file.name for file in out.iterdir()} >= {"bundle"}
    assert not (out / "bundle.part").exists()
    opened_afresh(few, out / "bundle")


def test_a_folder_that_is_no_bundle_is_not_written_over(few, tmp_path, capsys):
    (tmp_path / "run" / "bundle").mkdir(parents=True)
    (tmp_path / "run" / "bundle" / "notes.txt").write_text("mine")
    words = ["train", "--data", few.data, "--out", tmp_path / "run", *SMALL]
    assert main([str(word) for word in words]) == 1
    assert "holds other files but no bundle.json" in capsys.readouterr().err


def test_a_calibration_that_fails_leaves_the_bundle_as_it_was(own_bundle, toy_folder, monkeypatch):
    def content():
        return {file.name: file.read_bytes() for file in own_bundle.iterdir()}

    before = content()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("model.inference.bundle.CaseIndex.save", full)
    with pytest.raises(OSError, match="No space"):
        calibrate_bundle(own_bundle, read_folder(toy_folder), cache_dir=own_bundle.parent)
    assert content() == before


def test_a_network_whose_training_diverged_is_refused(own_bundle, toy_folder, monkeypatch):
    network = load_network(own_bundle, read_manifest(own_bundle))
    network.set_weights([np.full_like(one, np.nan) for one in network.get_weights()])
    monkeypatch.setattr("model.inference.keras_backend.load_network", lambda *_: network)
    with pytest.raises(ConfigError, match="training diverged"):
        calibrate_bundle(own_bundle, read_folder(toy_folder), cache_dir=own_bundle.parent / "c")


@pytest.mark.parametrize("name", [NETWORK_FILE, OOD_FILE, SIMILAR_FILE])
@pytest.mark.parametrize("command", ["predict", "evaluate", "export", "summary"])
def test_a_missing_file_is_one_line_in_every_command(
    command, name, own_bundle, toy_folder, tmp_path, capsys
):
    (own_bundle / name).unlink()
    words = {
        "predict": [toy_folder / "images", "--out", tmp_path / "p.csv"],
        "evaluate": ["--data", toy_folder, "--out", tmp_path / "r", "--cache", tmp_path],
        "export": ["--out", tmp_path / "phone"],
        "summary": [],
    }[command]
    assert main([str(word) for word in [command, *words, "--bundle", own_bundle]]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ")
    assert f"{name} is missing" in said


def test_a_network_that_cannot_be_opened_says_why_and_not_which_version(own_bundle, monkeypatch):

    def fails(*_, **__):
        raise TypeError("Could not locate class 'Swirl'. Make sure it is known.\n\nFull object: {}")

    monkeypatch.setattr("keras.models.load_model", fails)
    with pytest.raises(BundleError, match="Could not locate class 'Swirl'") as raised:
        load_network(own_bundle, read_manifest(own_bundle))
    assert "requirements" not in str(raised.value)
    assert "\n" not in str(raised.value)
