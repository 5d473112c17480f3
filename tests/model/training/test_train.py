"""Training on drawn images: it writes what it promises, and refuses to go on with another's run.

The toy run is as it is at home, all others layer by layer.
"""

import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from model.__main__ import main
from model.data.cache import files_key
from model.data.dataset import read_folder
from model.data.split import PARTS
from model.errors import ConfigError
from model.image import ImagePreprocessor
from model.inference.bundle import read_manifest
from model.inference.keras_backend import load_network
from model.patient import Patient, PatientEncoder
from model.tasks import TASKS
from model.training.settings import TrainConfig
from model.training.train import build_of

pytestmark = pytest.mark.usefixtures("eager")
SMALL = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", "32"]


def test_a_run_leaves_history_logs_settings_split_and_bundle(toy_run):
    assert len(pd.read_csv(toy_run / "history.csv")) == 2
    assert (toy_run / "curves.png").stat().st_size > 1000
    assert json.loads((toy_run / "config.json").read_text())["epochs"] == 2
    assert list((toy_run / "logs").rglob("events.out.tfevents*"))
    manifest = read_manifest(toy_run / "bundle")
    assert sum(len(getattr(manifest.split, part)) for part in PARTS) == 96
    assert manifest.data["images"] == 96
    assert manifest.licence == "CC BY-NC 4.0"


def test_a_finished_run_is_not_overwritten(toy_run, toy_folder, capsys):
    command = ["train", "--data", str(toy_folder), "--out", str(toy_run), *SMALL]
    assert main([*command, "--epochs", "2"]) == 1
    assert "finished" in capsys.readouterr().err


def test_other_settings_do_not_go_on_with_a_run(toy_folder, toy_run, tmp_path, capsys):
    out = tmp_path / "run"
    out.mkdir()
    for name in ("config.json", "split.json"):
        (out / name).write_text((toy_run / name).read_text())
    command = ["train", "--data", str(toy_folder), "--out", str(out), *SMALL]
    assert main([*command, "--epochs", "3", "--cache", str(tmp_path)]) == 1
    assert "other settings" in capsys.readouterr().err


def test_missing_weights_are_told_before_images_are_prepared(toy_folder, tmp_path, capsys):
    places = ["--data", toy_folder, "--out", tmp_path / "run", "--cache", tmp_path / "cache"]
    words = [*places, *SMALL, "--weights", tmp_path / "no.weights.h5"]
    assert main([str(word) for word in ["train", *words]]) == 1
    assert "no.weights.h5' do not exist" in capsys.readouterr().err
    assert not list((tmp_path / "cache").glob("images-*"))
    assert not (tmp_path / "run").exists()  # so that other settings are not refused next time


def train_task(task, folder, out, *more):
    command = ["train", "--data", folder, "--out", out, "--task", task, "--cache", out / "cache"]
    return main([str(word) for word in [*command, *SMALL, "--epochs", "1", *more]])


@pytest.mark.slow
def test_a_task_decides_what_a_bundle_answers(toy_folder, tmp_path):
    assert train_task("ham10000", toy_folder, tmp_path / "run") == 0
    bundle = tmp_path / "run" / "bundle"
    manifest = read_manifest(bundle)
    assert manifest.codes == ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    assert set(manifest.prediction_sets["thresholds"]) == set(manifest.codes)
    again = ["calibrate", "--data", toy_folder, "--bundle", bundle, "--cache", tmp_path / "cache"]
    assert main([str(word) for word in again]) == 0
    assert read_manifest(bundle).temperature == pytest.approx(manifest.temperature)


@pytest.fixture(scope="module")
def malignant(eager, toy_folder, tmp_path_factory):
    """A run on malignant lesions and others, with images prepared in another way than usual."""
    out = tmp_path_factory.mktemp("malignant") / "run"
    assert train_task("malignant", toy_folder, out, "--aspect", "pad", "--no-crop-border") == 0
    return out


@pytest.mark.slow
def test_a_task_without_a_melanoma_class_is_judged_by_what_is_malignant(
    malignant, toy_folder, tmp_path, capsys
):
    manifest = read_manifest(malignant / "bundle")
    assert (manifest.codes, manifest.malignant) == (["BENIGN", "MALIGNANT"], ["MALIGNANT"])
    words = ["evaluate", "--data", toy_folder, "--bundle", malignant / "bundle", "--quick"]
    assert main([str(word) for word in [*words, "--out", tmp_path / "r"]]) == 0
    told = capsys.readouterr().out
    assert "malignant or not" in told
    assert "melanoma AUC" not in told


@pytest.mark.slow
def test_a_bundle_prepares_images_as_those_were_that_it_learned_from(malignant, toy_folder):
    manifest = read_manifest(malignant / "bundle")
    assert manifest.image == ImagePreprocessor(32, crop_border=False, aspect="pad")
    learned = manifest.split.part("train", read_folder(toy_folder).table)["path"]
    kept = files_key(learned.tolist(), manifest.image.settings)
    assert (malignant / "cache" / f"images-{kept}.npy").exists()


@pytest.mark.slow
def test_own_labels_become_the_classes_of_a_custom_task(toy_folder, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(toy_folder, folder)
    path = next(folder.glob("*GroundTruth.csv"))
    table = pd.read_csv(path)
    labels = [name for name in table if name not in ("image", "UNK")]
    wart = table[labels[:4]].sum(axis=1)
    own = pd.DataFrame({"image": table["image"], "wart": wart, "mole": 1 - wart})
    own.to_csv(path, index=False)
    assert train_task("custom", folder, tmp_path / "run") == 0
    assert read_manifest(tmp_path / "run" / "bundle").codes == ["mole", "wart"]
    out = tmp_path / "p.csv"
    words = ["predict", folder / "images", "--bundle", tmp_path / "run" / "bundle", "--out", out]
    assert main([str(word) for word in words]) == 0
    assert pd.read_csv(out).columns.tolist() == ["image", "mole", "wart"]
    where = ["--data", folder, *words[2:4]]
    assert main([str(word) for word in ["calibrate", *where]]) == 0
    judge = ["evaluate", *where, "--part", "all", "--quick", "--out", tmp_path / "report"]
    assert main([str(word) for word in judge]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["--precision", "mixed_bfloat16"],
        ["--fusion", "metadata", "--backbone", "none"],
    ],
)
def test_any_way_of_training_leaves_a_float32_network(settings, toy_folder, tmp_path):
    out = tmp_path / "run"
    command = ["train", "--data", toy_folder, "--out", out, "--cache", tmp_path / "cache", *SMALL]
    assert main([str(word) for word in [*command, *settings, "--epochs", "1"]]) == 0
    network = load_network(out / "bundle", read_manifest(out / "bundle"))
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert all(layer.compute_dtype == "float32" for layer in network.layers)


def test_a_training_starts_from_the_mean_weights_of_several_networks(tmp_path):
    config = TrainConfig(backbone="cnn_2block", image_side=32, weights="none")
    encoder, task = PatientEncoder.fit([Patient(age=50.0)]), TASKS["isic2019"]
    networks, files = [], []
    for number in range(2):
        keras.utils.set_random_seed(number)
        networks.append(build_of(config, encoder, task))
        files.append(tmp_path / f"{number}.keras")
        networks[-1].save(files[-1])
    mean = build_of(config.with_(init_from=",".join(map(str, files))), encoder, task)
    for first, second, found in zip(*(n.get_weights() for n in (*networks, mean)), strict=True):
        assert np.allclose(found, (first + second) / 2, atol=1e-6)
    other = config.with_(fused_units=16, init_from=f"{files[0]}, {files[1]}")
    with pytest.raises(ConfigError, match=r"0\.keras"):
        build_of(other, encoder, task)
