"""Exporting a network to LiteRT, for the page and for phones.

A file has three signatures, all float32, for W views of one photograph, of which a prediction is
averaged over the first V and a map over the first M, and for P patients:

    look     images (W, side, side, 3) in [0, 255] → embeddings (V, E), features (W, h, w, C)
    answer   embeddings (V, E), encoded (P, width) → probabilities (P, classes), no temperature
    cells    features (M, h, w, C), encoded (1, width), asked (classes,), a 1 among zeros
             → cells (M, h, w), what each adds to the logit asked for

Weights are stored as float32, or as float16 where that loses nothing. Needs TensorFlow as Keras'
backend.
"""

import tempfile
from collections.abc import Iterator
from io import BytesIO

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from PIL import Image
from tensorflow.lite.python.convert_phase import ConverterError

from model.errors import BundleError
from model.inference.examiner import Examiner
from model.inference.half_precision import is_halved
from model.inference.opened import OpenedNetwork, differentiated
from model.inference.seen import MAP_VIEWS
from model.patient import Patient

TOLERANCE = 1e-4
"""By which probabilities and maps in [0, 1] of LiteRT and Keras may differ."""

_PHOTOGRAPHS = 8


def to_lite(network: keras.Model, *, views: int) -> bytes:
    """Convert a network whose predictions are averaged over so many views: the file's content.

    Raises:
        BundleError: LiteRT lacks an operation of the network.
    """
    archive = keras.export.ExportArchive()
    copy = _copied(network)
    archive.track(copy)
    names = _add_signatures(archive, OpenedNetwork(copy), views)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=names)
        if is_halved(network):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except ConverterError as error:
            fusion = type(network.get_layer("fusion")).__name__
            raise BundleError(
                f"LiteRT lacks an operation that this network, with {fusion} as its fusion, needs: "
                "it is served through Keras. Train with another fusion to export it."
            ) from error


def largest_difference(one: Examiner, other: Examiner) -> float:
    """The largest difference of probabilities and maps, over random photographs and patients."""
    pairs = zip(_answers(one), _answers(other), strict=True)
    return max(float(np.abs(first - second).max()) for first, second in pairs)


def _answers(examiner: Examiner) -> Iterator[np.ndarray]:
    """Probabilities and maps of patches of random colours."""
    codes, fields = examiner.manifest.codes, examiner.manifest.patient.fields
    known = Patient(**{field.key: field.variations[0] for field in fields})
    for number in range(_PHOTOGRAPHS):
        colours = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        file = BytesIO()
        Image.fromarray(colours).resize((240, 180)).save(file, "PNG")
        study = examiner.study(file.getvalue())
        for patient in (Patient(), known):
            yield np.array(list(study.probabilities(patient).values()))
            yield study.activation(patient, codes[number % len(codes)])


def _copied(network: keras.Model) -> keras.Model:
    """A copy whose head has ReLU written out: LiteRT lacks the gradient of the one operation."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = lambda x: ops.where(x > 0, x, 0.0)
    return copy


def _add_signatures(
    archive: keras.export.ExportArchive, opened: OpenedNetwork, views: int
) -> list[str]:
    """Add the functions, with the names of arguments and results above; gives their names."""

    def look(images: tf.Tensor) -> dict[str, tf.Tensor]:
        seen = opened.image_part(images, training=False)
        return {"embeddings": seen["embedding"][:views], "features": seen["features"]}

    def answer(embeddings: tf.Tensor, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(encoded)[0]
        pairs = [tf.repeat(embeddings, count, axis=0), tf.tile(encoded, [views, 1])]
        rows = opened.head(pairs, training=False)
        rows = tf.reshape(rows, (views, count, rows.shape[-1]))
        return {"probabilities": tf.reduce_mean(rows, axis=0)}

    def cells(features: tf.Tensor, encoded: tf.Tensor, asked: tf.Tensor) -> dict[str, tf.Tensor]:
        patients = tf.tile(encoded, [MAP_VIEWS, 1])
        return {"cells": differentiated(opened.after_features, features, patients, asked)}

    inputs, seen = opened.network.input, opened.image_part.output
    image = _rows(max(views, MAP_VIEWS), inputs["image"])
    embeddings, features = _rows(views, seen["embedding"]), _rows(MAP_VIEWS, seen["features"])
    asked = tf.TensorSpec(opened.network.output.shape[1:])
    archive.add_endpoint("look", look, [image])
    archive.add_endpoint("answer", answer, [embeddings, _rows(None, inputs["patient"])])
    archive.add_endpoint("cells", cells, [features, _rows(1, inputs["patient"]), asked])
    return ["look", "answer", "cells"]


def _rows(count: int | None, tensor: keras.KerasTensor) -> tf.TensorSpec:
    """A float32 argument of so many rows like those of a tensor."""
    return tf.TensorSpec((count, *tensor.shape[1:]))
