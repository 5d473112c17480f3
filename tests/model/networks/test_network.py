"""The dual-branch network with each of its fusions, at toy size."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.errors import ConfigError
from model.inference.keras_backend import KerasBackend
from model.networks.fusion import FUSIONS as LAYERS
from model.training.losses import BalancedAccuracy
from model.training.settings import FUSIONS
from tests.fakes.toy_network import CLASSES, SIDE, WIDTH, build


@dataclass(frozen=True)
class Learned:
    """A network that was shown sixteen images and patients again and again."""

    fusion: str
    network: keras.Model
    inputs: dict[str, np.ndarray]
    before: list[np.ndarray]  # its weights


@pytest.fixture(scope="module", params=FUSIONS)
def learned(request):
    rng = np.random.default_rng(0)
    brightest = rng.integers(16, 256, (16, 1, 1, 3))  # in a colour of its own each
    inputs = {
        "image": rng.integers(0, brightest, (16, SIDE, SIDE, 3)).astype(np.uint8),
        "patient": rng.normal(size=(16, WIDTH)).astype(np.float32),
    }
    network = build(request.param, dropout=0.0)
    before = [weight.copy() for weight in network.get_weights()]
    learn(network, inputs, np.arange(16) % CLASSES)
    return Learned(request.param, network, inputs, before)


def learn(network, inputs, labels, *, steps=150):
    """Bare steps, traced once: what ``fit`` traces around them takes longer than all of them."""
    learning, given = network.trainable_variables, tensors(inputs)
    optimiser = keras.optimizers.Adam(0.01)
    optimiser.build(learning)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            answers = network(given, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(labels, answers)
        optimiser.apply(tape.gradient(loss, [variable.value for variable in learning]))

    for _ in range(steps):
        step()


def answer(network, inputs):
    """Layer by layer: to trace a network takes longer than one answer."""
    found = network(tensors(inputs), training=False)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, found)


def tensors(arrays):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)


def test_the_names_in_the_config_are_those_that_can_be_built():
    assert set(FUSIONS) == {*LAYERS, "add"}


def test_saved_and_loaded_in_safe_mode_it_answers_the_same(learned, tmp_path):
    learned.network.save(tmp_path / "n.keras")
    loaded = keras.models.load_model(tmp_path / "n.keras", compile=False, safe_mode=True)
    expected = answer(learned.network, learned.inputs)
    assert expected.sum(axis=1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(answer(loaded, learned.inputs), expected, atol=1e-6)


def test_shuffling_a_branch_changes_the_answer_if_the_fusion_uses_it(learned):
    logits = learned.network.get_layer("logits").output  # probabilities are 0 or 1 by now
    network = keras.Model(learned.network.input, logits)
    before = answer(network, learned.inputs)
    for branch, unused in {"image": "metadata", "patient": "none"}.items():
        shuffled = {**learned.inputs, branch: learned.inputs[branch][::-1]}
        change = np.abs(answer(network, shuffled) - before).max()
        assert (change > 1e-4) == (learned.fusion != unused), branch


def test_every_weight_gets_a_gradient(learned):
    for weight, old in zip(learned.network.weights, learned.before, strict=True):
        assert np.abs(keras.ops.convert_to_numpy(weight) - old).max() > 0, weight.path


def test_it_learns_sixteen_images_by_heart(learned):
    found = answer(learned.network, learned.inputs)
    assert (found.argmax(axis=1) == np.arange(16) % CLASSES).all()


def test_split_after_the_embedding_it_predicts_the_same(learned):
    backend = KerasBackend(learned.network)
    found = answer(backend.image_part, learned.inputs["image"])
    found = answer(backend.head, [found["embedding"], learned.inputs["patient"]])["probabilities"]
    np.testing.assert_allclose(found, answer(learned.network, learned.inputs), atol=1e-6)


def test_film_starts_as_the_identity():
    network = build("film")
    layer, image = network.get_layer("fusion"), network.get_layer("image_embedding")
    both = keras.Model(network.input, [layer.output, image.output])
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, SIDE, SIDE, 3)).astype(np.uint8)
    fused, embedding = answer(both, {"image": images, "patient": rng.normal(size=(4, WIDTH))})
    np.testing.assert_allclose(fused, embedding, atol=1e-6)


def test_metablock_is_the_formula_of_its_paper():
    keras.utils.set_random_seed(0)
    layer = LAYERS["metablock"]()
    rng = np.random.default_rng(0)
    embedding, context = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
    found = keras.ops.convert_to_numpy(layer([embedding, context]))
    kernels = [keras.ops.convert_to_numpy(d.kernel) for d in (layer.scale, layer.shift)]
    # Untrained BatchNorm divides by the root of 1 + epsilon.
    scale, shift = (context @ kernel / np.sqrt(1.001) for kernel in kernels)
    expected = 1 / (1 + np.exp(-(np.tanh(embedding * scale) + shift)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_sigmoid_is_one_output_that_answers_for_two_classes():
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8),
        "patient": rng.normal(size=(5, WIDTH)).astype(np.float32),
    }
    for fusion in ("concat", "add"):
        network = build(fusion, classes=2, output="sigmoid")
        single = keras.Model(network.inputs, network.get_layer("logit").output)
        logit = answer(single, inputs)
        assert logit.shape == (5, 1)
        expected = 1 / (1 + np.exp(-logit))
        found = answer(network, inputs)
        np.testing.assert_allclose(found, np.hstack([1 - expected, expected]), atol=1e-6)
    with pytest.raises(ConfigError, match="two classes"):
        build(output="sigmoid")


def test_the_first_and_the_last_dropout_can_differ_from_the_others():
    def rates(**settings):
        layers = build(**settings).layers
        return [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]

    deep = {"further_units": (6, 5), "dropout": 0.5, "further_dropout": 0.2}
    assert rates(**deep) == [0.5, 0.5, 0.2, 0.2]
    assert rates(**deep, first_dropout=0.0, last_dropout=0.1) == [0, 0.5, 0.2, 0.1]
    assert rates(fused_units=0, last_dropout=0.1) == [0.1]


def test_the_head_is_as_wide_and_deep_as_asked():
    network = build(fused_units=12, further_units=(6, 5), head_batchnorm=True, pooling="flatten")
    assert network.get_layer("image_embedding").output.shape == (None, 4 * 4 * 8)
    widths = [network.get_layer(n).units for n in ("fused", "further_1", "further_2", "logits")]
    assert widths == [12, 6, 5, CLASSES]
    bare = build(fused_units=0, patient_layers=1)
    names = [layer.name for layer in bare.layers]
    assert "fused" not in names
    assert "patient_2" not in names


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_seen():
    metric = BalancedAccuracy(3)
    truth = np.eye(3)[[0, 0, 0, 0, 1]]
    scores = np.eye(3)[[0, 0, 0, 1, 1]]
    metric.update_state(truth[:2], scores[:2])
    metric.update_state(truth[2:], scores[2:])
    assert float(metric.result()) == pytest.approx((3 / 4 + 1) / 2)
