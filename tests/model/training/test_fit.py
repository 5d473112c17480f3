"""Fitting in stages: what learns when, and that an interruption changes nothing."""

import keras
import numpy as np
import pandas as pd
import pytest

from model.errors import ConfigError
from model.networks.network import build_network
from model.patient import Patient, PatientEncoder
from model.training.batches import Part
from model.training.fit import fit
from model.training.settings import TrainConfig
from tests.parameters import slow_but

pytestmark = pytest.mark.usefixtures("eager")  # whole trainings are in test_model_train
SIDE, CLASSES = 32, 3
ENCODER = PatientEncoder.fit([Patient(age=20.0), Patient(age=50.0), Patient(age=80.0)])


def network_of(seed=1):
    keras.utils.set_random_seed(seed)
    image = x = keras.Input((SIDE, SIDE, 3))
    for number, width in enumerate((4, 6)):
        x = keras.layers.Conv2D(width, 3, strides=4, name=f"convolution_{number}")(x / 255)
        x = keras.layers.BatchNormalization(momentum=0.5, name=f"norm_{number}")(x)
    backbone = keras.Model(image, keras.layers.ReLU()(x), name="backbone")
    head = {"patient_units": 8, "patient_layers": 1, "fused_units": 8}
    return build_network(backbone, patient_width=ENCODER.width, classes=CLASSES, **head)


def part_of(count=32, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, CLASSES, count))
    images = rng.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    images[..., 0] = 40 + 80 * labels[:, None, None]  # redder classes
    patients = np.zeros((count, ENCODER.width), np.float32)
    return Part(images, patients, labels, np.repeat("HAM", count), rng.random(count) < 0.3)


def config_of(**settings):
    usual = {"batch_size": 32, "epochs": 1, "zoom": 0.0}  # one step
    return TrainConfig(image_side=SIDE, **usual | settings)


def run(out, config, *, stops=(None,), augment=False, **more):
    """Fit with a stop after each number of epochs; returns the network."""
    parts, how = (part_of(), part_of(seed=1)), {"out": out, "augment": augment, **more}
    for until in stops:
        network = network_of()
        fit(network, *parts, ENCODER, config, until=until, **how)
    return network


def weights_of(network, name):
    return network.get_layer("backbone").get_layer(name).get_weights()


SETTINGS = {
    "two stages, average": {"head_epochs": 1, "epochs": 2, "ema": 0.9},
    "plateau, mixed": {"schedule": "plateau", "plateau_patience": 1, "optimiser": "sgd"}
    | {"keep": "last", "balance": "none", "loss": "focal"}
    | {"mixup": 0.5, "cutout": 0.5},
    "penalties": {"l1": 1e-4, "l2": 1e-4, "balance": "subsample"}
    | {"head_epochs": 1, "epochs": 2, "schedule": "exponential", "optimiser": "rmsprop"}
    | {"trainable_layers": 3, "freeze_batchnorm": True, "keep": "last"},
    "monitored loss": {"monitor": "val_loss", "schedule": "plateau", "plateau_patience": 1}
    | {"balance": "oversample", "shear": 0.1, "shift": 0.2},
}


@pytest.mark.parametrize("settings", slow_but("penalties", SETTINGS))
def test_stopped_between_epochs_it_ends_with_the_same_weights(settings, tmp_path):
    config = config_of(**{"batch_size": 16, "epochs": 3} | SETTINGS[settings])
    whole = run(tmp_path / "whole", config, augment=True)
    parts = run(
        tmp_path / "parts", config, augment=True, stops=(1, 2, None)
    )  # 2 is the end of some
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "parts")]
    pd.testing.assert_frame_equal(*histories, rtol=1e-4)
    assert histories[0]["epoch"].tolist() == list(range(config.epochs))


def test_the_backbone_is_frozen_while_the_head_learns_first(tmp_path):
    start = network_of().get_layer("backbone").get_weights()
    config = config_of(head_epochs=1, epochs=2, keep="last")
    head = run(tmp_path, config, stops=(1,))
    for before, after in zip(start, head.get_layer("backbone").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert pd.read_csv(tmp_path / "history.csv")["stage"].tolist() == [0]
    later = run(tmp_path, config, stops=(None,))
    assert np.abs(weights_of(later, "convolution_0")[0] - start[0]).max() > 0
    assert pd.read_csv(tmp_path / "history.csv")["stage"].tolist() == [0, 1]


def test_a_backbone_that_stays_frozen_learns_in_no_stage(tmp_path):
    start = network_of()
    tuned = run(tmp_path, config_of(head_epochs=1, epochs=2, keep="last", freeze_backbone=True))
    backbones = [network.get_layer("backbone").get_weights() for network in (start, tuned)]
    for before, after in zip(*backbones, strict=True):
        np.testing.assert_array_equal(before, after)
    fused = [network.get_layer("fused").get_weights()[0] for network in (start, tuned)]
    assert np.abs(fused[0] - fused[1]).max() > 0


def test_only_the_last_layers_learn_where_so_many_are_named(tmp_path):
    start = network_of()
    tuned = run(tmp_path, config_of(trainable_layers=3, keep="last"))
    for name, learns in {"convolution_0": False, "norm_0": False, "convolution_1": True}.items():
        change = np.abs(weights_of(tuned, name)[0] - weights_of(start, name)[0]).max()
        assert (change > 0) == learns, name


def test_frozen_batchnorm_keeps_its_statistics(tmp_path):
    start = network_of()
    tuned = run(tmp_path, config_of(freeze_batchnorm=True, keep="last"))
    for before, after in zip(weights_of(start, "norm_1"), weights_of(tuned, "norm_1"), strict=True):
        np.testing.assert_array_equal(before, after)
    assert np.abs(weights_of(tuned, "convolution_0")[0]).sum() > 0


def test_a_stage_that_stops_early_leaves_its_turn_to_the_next(tmp_path):
    config = config_of(head_epochs=6, epochs=7, patience=1, head_learning_rate=1e-9)
    run(tmp_path, config, stops=(2, None))
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["stage"].tolist() == [0, 0, 1]


class Judged(keras.callbacks.Callback):
    """Says what each epoch's loss on the validation part was."""

    def __init__(self, *losses):
        super().__init__()
        self.losses, self.weights = losses, []

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.losses[epoch]
        self.weights.append(self.model.layers[-1].get_weights())  # what comes before augments


def test_with_the_loss_monitored_a_stage_stops_and_keeps_weights_by_the_least_loss(tmp_path):
    judged = Judged(0.9, 0.3, 0.4, 0.5, 0.6, 0.7)
    config = config_of(epochs=6, patience=2, monitor="val_loss")
    kept = run(tmp_path, config, callbacks=[judged], augment=True)
    assert len(judged.weights) == 4
    for one, other in zip(judged.weights[1], kept.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_stage_has_a_patience_of_its_own(tmp_path):
    own = {"head_epochs": 4, "epochs": 9, "head_patience": 3, "patience": 1}
    judged = Judged(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    run(tmp_path, config_of(**own, monitor="val_loss"), callbacks=[judged])
    assert pd.read_csv(tmp_path / "history.csv")["stage"].tolist() == [0, 0, 0, 0, 1, 1]


def test_a_loss_that_is_never_a_number_is_told(tmp_path):
    judged = Judged(np.nan)
    with pytest.raises(ConfigError, match="Lower learning_rate"):
        run(tmp_path, config_of(monitor="val_loss"), callbacks=[judged])


def test_the_rate_falls_in_steps_as_many_as_are_set(tmp_path):
    falls = {"schedule": "exponential", "decay": 0.5, "decay_steps": 2, "staircase": True}
    run(tmp_path, config_of(epochs=4, patience=9, learning_rate=0.01, **falls))
    rates = pd.read_csv(tmp_path / "history.csv")["learning_rate"].tolist()
    assert rates == pytest.approx([0.01, 0.005, 0.005, 0.0025])  # after 1, 2, 3 and 4 steps


def test_the_weights_of_the_best_epoch_are_kept_and_what_callbacks_add_is_written(tmp_path):
    class Judge(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_balanced_accuracy"] = (0.5, 0.9, 0.1)[epoch]
            logs["val_own"] = epoch / 10
            if epoch == 1:
                self.best = self.model.layers[-1].get_weights()  # what comes before augments

    judge = Judge()
    kept = run(tmp_path, config_of(epochs=3), callbacks=[judge], augment=True)
    for one, other in zip(judge.best, kept.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert pd.read_csv(tmp_path / "history.csv")["val_own"].tolist() == [0, 0.1, 0.2]


def test_an_epoch_is_judged_by_balanced_accuracy_on_what_is_held_out(tmp_path):
    network = run(tmp_path, config_of())
    held_out = part_of(seed=1)
    inputs = {"image": held_out.images, "patient": held_out.patients}
    answers = network.predict(inputs, verbose=0).argmax(axis=1)
    recalls = [(answers[held_out.labels == one] == one).mean() for one in range(CLASSES)]
    found = pd.read_csv(tmp_path / "history.csv")["val_balanced_accuracy"]
    assert found.tolist() == [pytest.approx(np.mean(recalls), abs=1e-6)]


def head_of(features):
    """A single layer on features and patient."""
    keras.utils.set_random_seed(1)
    inputs = {"image": keras.Input((features,)), "patient": keras.Input((ENCODER.width,))}
    joined = keras.layers.Concatenate()([inputs["image"], inputs["patient"]])
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(joined))


def features_of(labels, width=5):
    features = np.random.default_rng(0).normal(size=(len(labels), width)) + 3 * labels[:, None]
    none, patients = np.zeros(len(labels), bool), np.zeros((len(labels), ENCODER.width))
    floats = features.astype(np.float32), patients.astype(np.float32)
    return Part(*floats, labels, none.astype(str), none)


def test_with_plain_labels_a_teacher_that_says_otherwise_is_believed_by_its_weight(tmp_path):
    part = features_of(np.arange(24) % CLASSES)
    wrong = np.eye(CLASSES, dtype=np.float32)[(part.labels + 1) % CLASSES]
    right = np.eye(CLASSES, dtype=np.float32)[part.labels]
    how = {"batch_size": 4, "keep": "last", "learning_rate": 0.1, "schedule": "constant"}
    leaning = {}  # of the answers, towards the labels
    for weight in (0.0, 1.0):
        config = config_of(teacher_weight=weight, teacher_temperature=1.0, **how)
        head, places = head_of(5), {"out": tmp_path / str(weight), "augment": False}
        fit(head, part, part, ENCODER, config, **places, teacher=wrong)
        inputs = {"image": part.images, "patient": part.patients}
        answers = head.predict_on_batch(inputs)
        leaning[weight] = (answers * (right - wrong)).sum(axis=1).mean()
    assert leaning[0.0] > 0.05
    assert leaning[1.0] < -0.05


def test_features_are_fitted_without_augmentation(tmp_path):
    part = features_of(np.repeat(np.arange(CLASSES), 8))
    config = config_of(head_epochs=1, epochs=2, mixup=0.0)
    fit(head_of(5), part, part, ENCODER, config, out=tmp_path, augment=False)
    assert len(pd.read_csv(tmp_path / "history.csv")) == 2


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")]
)
def test_too_little_memory_says_what_to_lower(error, tmp_path):
    class Full(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise error

    with pytest.raises(ConfigError, match=r"32 images of 32 px.*Lower batch_size"):
        run(tmp_path, config_of(), callbacks=[Full()])


def test_answers_that_differ_between_two_views_cost_in_training_alone(tmp_path):
    losses = []
    for weight in (1e-6, 100.0):
        out = tmp_path / str(weight)
        # One step, before which both networks are the same.
        run(out, config_of(consistency=weight, batch_size=64, zoom=0.25), augment=True)
        losses.append(pd.read_csv(out / "history.csv").loc[0])
    assert losses[1]["loss"] > losses[0]["loss"] + 0.001
    assert losses[1]["val_loss"] == pytest.approx(losses[0]["val_loss"], abs=0.2)
