"""What a trial trains, on drawn images: whole networks, heads on kept features."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.data.split import Split
from model.data.splitters import draw_split
from model.errors import SearchError
from model.evaluation.metrics import mean_of_known, one_against_rest, roc_auc
from model.training.batches import LabelledBatches
from model.training.settings import TrainConfig
from model.tuning.search_space import Dimension, Plan
from model.tuning.trial_training import MacroAuc, cached_features, training_of

pytestmark = pytest.mark.usefixtures("eager")  # the search itself is run in test_model_tune_workers
RATE = Dimension("head_learning_rate", low=1e-4, high=1e-2, log=True)
TOY = {"backbone": "cnn_2block", "weights": "none", "image_side": 32, "patience": 9}


@pytest.fixture(scope="module")
def heads(toy_folder, tmp_path_factory):
    """Trains a head with settings, in a folder, until so many epochs are done."""
    dataset = read_folder(toy_folder)
    plan = Plan((RATE,), TrainConfig(epochs=2, head_epochs=2, **TOY), features=True)
    cache = tmp_path_factory.mktemp("cache")
    training = training_of(
        plan,
        dataset,
        draw_split(dataset.table, dataset.table["lesion_id"].to_numpy()),
        cache_dir=cache,
    )

    def learn(folder, until, **settings):
        training(plan.base.with_(**settings), folder, until)
        return pd.read_csv(folder / "history.csv")

    learn.cache = cache
    return learn


@pytest.mark.slow
def test_a_head_goes_on_where_it_was(heads, tmp_path):
    once = heads(tmp_path / "once", 2)
    for until in (1, 2):
        twice = heads(tmp_path / "twice", until)
    pd.testing.assert_frame_equal(once, twice, rtol=1e-4)
    assert once["epoch"].tolist() == [0, 1]
    assert len(list(heads.cache.glob("features-*.npy"))) == 2  # of the two parts, for all trials


@pytest.mark.slow
def test_a_trial_that_was_killed_before_its_first_epoch_ended_goes_on(heads, tmp_path):
    (tmp_path / "history.csv").touch()  # opened, but nothing written yet
    assert heads(tmp_path, 1)["epoch"].tolist() == [0]


@pytest.mark.slow
def test_a_trial_whose_loss_is_no_number_fails(heads, tmp_path):
    with pytest.raises(SearchError, match=r"loss was (nan|inf) in epoch 1"):
        heads(tmp_path, 2, head_learning_rate=1e30, optimiser="sgd", loss="focal")


@pytest.mark.slow
def test_whole_networks_are_searched_without_the_test_part(toy_folder, tmp_path, monkeypatch):
    asked = set()
    part = Split.part
    monkeypatch.setattr(
        Split, "part", lambda split, name, t: asked.add(name) or part(split, name, t)
    )
    space = tmp_path / "space.json"
    space.write_text(json.dumps({"dropout": [0.0, 0.5], "fused_units": [8, 16]}))
    places = ["--data", toy_folder, "--out", tmp_path / "s", "--cache", tmp_path / "cache"]
    how = ["--space", space, "--tuner", "random", "--trials", 2, "--objective", "macro_auc"]
    toy = ["--backbone", "cnn_2block", "--weights", "none", "--image-side", 32, "--epochs", 1]
    assert main([str(word) for word in ["tune", *places, *how, *toy]]) == 0
    assert asked == {"train", "validation"}
    table = pd.read_csv(tmp_path / "s" / "leaderboard.csv")
    assert table["status"].tolist() == ["finished"] * 2
    assert table["objective"].between(0.2, 0.9).all()
    best = TrainConfig(**json.loads((tmp_path / "s" / "best.json").read_text()))
    assert (best.dropout, best.fused_units) == tuple(table.loc[0, ["dropout", "fused_units"]])


def test_macro_auc_is_the_mean_over_classes_that_are_there():
    rng = np.random.default_rng(0)
    labels = np.array([0, 0, 1, 1, 2, 2] * 4)
    image, patient = keras.Input((4,), name="image"), keras.Input((2,), name="patient")
    network = keras.Model(
        {"image": image, "patient": patient},
        keras.layers.Dense(4, activation="softmax")(keras.layers.concatenate([image, patient])),
    )
    rows = rng.random((24, 4), np.float32), rng.random((24, 2), np.float32)
    batches = LabelledBatches(*rows, labels, weights=np.ones(24), classes=4, batch_size=10)
    callback, figures = MacroAuc(batches), {}
    callback.set_model(network)
    callback.on_epoch_end(0, figures)
    answers = network.predict({"image": rows[0], "patient": rows[1]}, verbose=0)
    expected = one_against_rest(roc_auc, answers, labels)
    assert np.isnan(expected).sum() == 1
    assert figures["val_macro_auc"] == pytest.approx(float(mean_of_known(expected)))


def test_features_are_kept_for_the_same_images_and_network(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path in paths:
        path.write_bytes(b"a photograph")
    image = keras.Input((8, 8, 3))
    seen = keras.layers.Conv2D(2, 3)(image)
    how = {"prepared": {"side": 8}, "cache_dir": tmp_path / "cache"}

    def features(pooling, prepared=how["prepared"]):
        network = keras.Model(image, pooling()(seen))
        return cached_features(images, paths, network, **how | {"prepared": prepared})

    average = features(keras.layers.GlobalAveragePooling2D)
    assert average.dtype == np.float32
    again = features(keras.layers.GlobalAveragePooling2D)
    assert np.array_equal(average, again)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert not np.array_equal(average, features(keras.layers.GlobalMaxPooling2D))
    features(keras.layers.GlobalMaxPooling2D, {"side": 9})
    assert len(list((tmp_path / "cache").iterdir())) == 3
