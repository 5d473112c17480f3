"""Exporting a network to LiteRT, for predictions on the page, in the shell and on phones.

A file has three signatures, all float32, for W TTA views of one square, over which a Grad-CAM is
averaged, a prediction over the first V of them, and for P patients:

    embed      images (W, side, side, 3) in [0, 255] → embeddings (V, E), features (W, h, w, C)
    predict    embeddings (V, E), encoded (P, width) → probabilities (P, classes), not calibrated,
               logits (P, classes)
    grad_cam   features (W, h, w, C), encoded (1, width), asked (classes,), one-hot
               → cells (W, h, w), what each adds to the logit of that class

The lesion finder's file has one: segment, images (8, side, side, 3) in [0, 255] → shares
(8, side / 2, side / 2) in [0, 1].

Weights are stored as float32, or as float16 where that loses nothing, for which :func:`halve`
rounds them. Needs TensorFlow as Keras' backend.
"""

import tempfile
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops
from PIL import Image

from model.errors import BundleError
from model.inference.keras_backend import KerasBackend, weighted_maps
from model.inference.predictor import Predictor
from model.inference.tta import VIEW_COUNTS
from model.patient import Patient

if TYPE_CHECKING:
    import tensorflow as tf

TOLERANCE = 1e-4
"""By which probabilities, Grad-CAMs and outlines in [0, 1] of LiteRT and Keras may differ."""

_PHOTOGRAPHS = 8
_BOX = (60.0, 40.0, 180.0, 140.0)  # of the lesion in them


def to_litert(network: keras.Model, *, tta_views: int) -> bytes:
    """Convert a network whose predictions are averaged over so many views: the file's content.

    Raises:
        BundleError: LiteRT lacks an operation of the network.
    """
    from tensorflow.lite.python.convert_phase import ConverterError

    archive = keras.export.ExportArchive()
    copy = _copied(network)
    archive.track(copy)
    signatures = _add_signatures(archive, KerasBackend(copy, tta_views=tta_views))
    try:
        return _converted(archive, signatures, halved=is_halved(network))
    except ConverterError as error:
        fusion = type(network.get_layer("fusion")).__name__
        raise BundleError(
            f"LiteRT lacks an operation that this network, with {fusion} as its fusion, needs: "
            "it is served through Keras. Train with another fusion to export it."
        ) from error


def finder_to_litert(finder: keras.Model) -> bytes:
    """Convert a lesion finder for the eight views that it is averaged over: the file's content."""
    import tensorflow as tf

    def segment(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"shares": tf.sigmoid(finder(images, training=False))[..., 0]}

    archive = keras.export.ExportArchive()
    archive.track(finder)
    archive.add_endpoint("segment", segment, [_rows(VIEW_COUNTS[-1], finder.input)])
    return _converted(archive, ["segment"], halved=is_halved(finder))


def _converted(
    archive: keras.export.ExportArchive, signatures: list[str], *, halved: bool
) -> bytes:
    """Convert an archive; ``halved`` stores the weights as float16."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=signatures)
        if halved:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def largest_difference(one: Predictor, other: Predictor) -> float:
    """The largest difference of probabilities, Grad-CAMs and lesions' outlines.

    On random photographs and patients. The first two are of the same frames: a rounding error of
    the finder may change a pixel of a frame, which the network would make more of.
    """
    pairs = zip(_outputs(one), _outputs(other), strict=True)
    return max(float(np.abs(first - second).max()) for first, second in pairs)


def _outputs(predictor: Predictor) -> Iterator[np.ndarray]:
    """Probabilities, Grad-CAMs and outlines of patches of random colours."""
    box = _BOX if predictor.finder else None
    codes, fields = predictor.manifest.codes, predictor.manifest.patient.fields
    known = Patient(**{field.key: field.variations[0] for field in fields})
    for number in range(_PHOTOGRAPHS):
        colours = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        file = BytesIO()
        photograph = Image.fromarray(colours).resize((240, 180))
        photograph.save(file, "PNG")
        if predictor.finder:
            yield predictor.finder.find(photograph).overview
        study = predictor.study(file.getvalue(), box=box)
        for patient in (Patient(), known):
            yield np.array(list(study.probabilities(patient).values()))
            yield study.grad_cam(patient, codes[number % len(codes)])


def _copied(network: keras.Model) -> keras.Model:
    """A copy whose head has ReLU written out: LiteRT lacks the gradient of the one operation."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = lambda x: ops.where(x > 0, x, 0.0)
    return copy


def _add_signatures(archive: keras.export.ExportArchive, backend: KerasBackend) -> list[str]:
    """Add the functions, with the names of arguments and results above; gives their names."""
    import tensorflow as tf

    views = backend.tta_views

    def embed(images: tf.Tensor) -> dict[str, tf.Tensor]:
        found = backend.image_part(images, training=False)
        return {"embeddings": found["embedding"][:views], "features": found["maps"]}

    def predict(embeddings: tf.Tensor, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(encoded)[0]
        pairs = [tf.repeat(embeddings, count, axis=0), tf.tile(encoded, [views, 1])]
        found = backend.head(pairs, training=False)
        return {
            name: tf.reduce_mean(tf.reshape(rows, (views, count, rows.shape[-1])), axis=0)
            for name, rows in found.items()
        }

    def grad_cam(features: tf.Tensor, encoded: tf.Tensor, asked: tf.Tensor) -> dict[str, tf.Tensor]:
        patients = tf.tile(encoded, [backend.map_views, 1])
        return {"cells": weighted_maps(backend.after_maps, features, patients, asked)}

    inputs, outputs = backend.network.input, backend.image_part.output
    image = _rows(backend.map_views, inputs["image"])
    embeddings = _rows(views, outputs["embedding"])
    features = _rows(backend.map_views, outputs["maps"])
    asked = tf.TensorSpec(backend.network.output.shape[1:])
    archive.add_endpoint("embed", embed, [image])
    archive.add_endpoint("predict", predict, [embeddings, _rows(None, inputs["patient"])])
    archive.add_endpoint("grad_cam", grad_cam, [features, _rows(1, inputs["patient"]), asked])
    return ["embed", "predict", "grad_cam"]


def _rows(count: int | None, tensor: keras.KerasTensor) -> "tf.TensorSpec":
    """Spec of a float32 argument of ``count`` rows like those of a tensor."""
    import tensorflow as tf

    return tf.TensorSpec((count, *tensor.shape[1:]))


def halve(network: keras.Model) -> None:
    """Round kernels and biases to float16's values; they stay float32, as the arithmetic does.

    First the scale of each BatchNorm moves into the convolution before it, and what it adds is
    rounded as well. A converter that joins the two then finds rounded values, and both predict the
    same. But for the rounding the network predicts as before, and can be trained further.
    """
    found = list(_leaves(network))
    norms = [layer for layer in found if isinstance(layer, layers.BatchNormalization)]
    convolutions = {id(layer.output): layer for layer in found if _has_kernel_alone(layer)}
    for norm in norms:
        if before := convolutions.get(id(norm.input)):
            _move_scale(before, norm)
    for weight in _kernels_and_biases(network):
        weight.assign(_rounded(np.asarray(weight)))
    for norm in norms:
        _round_shift(norm)


def is_halved(network: keras.Model) -> bool:
    """Whether float16 holds all kernels, biases and scales of images without loss."""
    values = [np.asarray(weight) for weight in _kernels_and_biases(network)]
    for layer in _leaves(network):
        if isinstance(layer, layers.Rescaling):
            values += [np.float32(layer.scale), np.float32(layer.offset)]
        elif isinstance(layer, layers.Normalization):
            values += [np.asarray(layer.mean), np.asarray(layer.variance) ** 0.5]
    return all(np.array_equal(value, _rounded(value)) for value in values)


def _leaves(network: keras.Model) -> Iterator[layers.Layer]:
    """All layers, those of networks inside included."""
    for layer in network.layers:
        yield from _leaves(layer) if isinstance(layer, keras.Model) else (layer,)


def _has_kernel_alone(layer: layers.Layer) -> bool:
    convolves = isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)
    return convolves and not layer.use_bias


def _move_scale(convolution: layers.Layer, norm: layers.BatchNormalization) -> None:
    """From γ (x - μ) / √(v + ε) + β to the same of x' = x |γ| / √(v + ε).

    With v' = γ² - ε the rest scales by 1 or -1. A channel whose γ is too small for that, which
    says next to nothing, stays as it is.
    """
    gamma, beta, mean, variance = norm.get_weights()
    movable = gamma**2 > 2 * norm.epsilon
    scale = np.where(movable, np.abs(gamma) / np.sqrt(variance + norm.epsilon), 1.0)
    (kernel,) = convolution.get_weights()
    depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    convolution.set_weights([kernel * (scale[:, None] if depthwise else scale)])
    variance = np.where(movable, gamma**2 - norm.epsilon, variance)
    norm.set_weights([gamma, beta, mean * scale, variance])


def _round_shift(norm: layers.BatchNormalization) -> None:
    """Round β - γ μ / √(v + ε), which a converter adds after the convolution."""
    gamma, beta, mean, variance = norm.get_weights()
    moved = gamma * mean / np.sqrt(variance + norm.epsilon)
    norm.set_weights([gamma, _rounded(beta - moved) + moved, mean, variance])


def _kernels_and_biases(network: keras.Model) -> list[keras.Variable]:
    return [weight for weight in network.weights if weight.name in ("kernel", "bias")]


def _rounded(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)
