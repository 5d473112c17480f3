"""The network in Keras: the reference, and what runs networks that LiteRT cannot.

    photograph ── image part ──▸ feature maps ── image_embedding ──▸ embedding ── head ──▸ logits
                                                        patient ────────────────────┘

The parts are split at the layers that :mod:`model.networks.network` names.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import keras
import numpy as np

from model.diagnosis import DIAGNOSES
from model.errors import BundleError
from model.inference.backend import GRAD_CAM_VIEWS, Features, ModelOutputs
from model.inference.bundle import MANIFEST_FILE, NETWORK_FILE, Manifest, checked_file
from model.inference.tta import tta_views
from model.networks.network import cause_of, open_saved, saved_classes

if TYPE_CHECKING:
    import tensorflow as tf

_NOT_LOADABLE = (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError, BadZipFile)


class KerasBackend:
    """A :class:`model.inference.backend.Backend` whose parts share the weights of the network."""

    name = "keras"
    has_logits = True

    def __init__(self, network: keras.Model, *, tta_views: int = 1) -> None:
        """Take a network built by :func:`model.networks.network.build_network`."""
        self.network = network
        self.tta_views = tta_views

    @property
    def map_views(self) -> int:
        """TTA views that a Grad-CAM is averaged over."""
        return max(self.tta_views, GRAD_CAM_VIEWS)

    @cached_property
    def image_part(self) -> keras.Model:
        """From image (B, side, side, 3) to feature maps (B, h, w, C) and embedding (B, E)."""
        embedding = self.network.get_layer("image_embedding")
        outputs = {"maps": embedding.input, "embedding": embedding.output}
        return keras.Model(self.network.input["image"], outputs)

    @cached_property
    def head(self) -> keras.Model:
        """From embedding (B, E) and patient (B, width) to probabilities and logits (B, classes)."""
        embedding = self.network.get_layer("image_embedding").output
        logits = self.network.get_layer("logits").output
        outputs = {"probabilities": self.network.output, "logits": logits}
        return keras.Model([embedding, self.network.input["patient"]], outputs)

    @cached_property
    def after_maps(self) -> keras.Model:
        """From feature maps (B, h, w, C) and patient (B, width) to logits (B, classes)."""
        maps = self.network.get_layer("image_embedding").input
        inputs = [maps, self.network.input["patient"]]
        return keras.Model(inputs, self.network.get_layer("logits").output)

    def embed(self, image: np.ndarray) -> Features:
        """Run the image branch on one photograph."""
        views = tta_views(image[None], self.map_views)
        found = self.image_part.predict_on_batch(np.concatenate(list(views)))
        return Features(found["embedding"][: self.tta_views], found["maps"])

    def predict(self, embeddings: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """Predict one photograph's probabilities (P, classes) for P patients."""
        count, views = len(patients), len(embeddings)
        pairs = [np.repeat(embeddings, count, axis=0), np.tile(patients, (views, 1))]
        rows = self.head.predict_on_batch(pairs)["probabilities"]
        return rows.reshape(views, count, -1).mean(axis=0)

    def grad_cam(self, maps: np.ndarray, patient: np.ndarray, label: int) -> np.ndarray:
        """Weigh a photograph's feature maps for one class: (W, h, w)."""
        patients = np.tile(patient, (len(maps), 1))
        one_hot = np.eye(self.network.output.shape[-1], dtype=np.float32)[label]
        return weighted_maps(self.after_maps, maps, patients, one_hot).numpy()

    def outputs(
        self,
        images: np.ndarray,
        patients: np.ndarray,
        unknown: np.ndarray | None = None,
        *,
        tta: bool = True,
    ) -> ModelOutputs:
        """Run the network on N images and their N patients, and on an unknown one (width,)."""
        found = [
            self._whole.predict_on_batch({"image": view, "patient": patients})
            for view in tta_views(images, self.tta_views if tta else 1)
        ]
        if unknown is not None:
            rows = np.tile(unknown, (len(images), 1))
            for view in found:
                of_unknown = self.head.predict_on_batch([view["embeddings"], rows])
                view["alone"] = of_unknown["probabilities"]
        return ModelOutputs(**{n: np.mean([view[n] for view in found], axis=0) for n in found[0]})

    @cached_property
    def _whole(self) -> keras.Model:
        """The network with its inner values as outputs."""
        outputs = {
            "probabilities": self.network.output,
            "embeddings": self.network.get_layer("image_embedding").output,
            "logits": self.network.get_layer("logits").output,
        }
        return keras.Model(self.network.input, outputs)


def weighted_maps(
    after_maps: keras.Model, maps: "tf.Tensor", patients: "tf.Tensor", one_hot: "tf.Tensor"
) -> "tf.Tensor":
    """Weigh feature maps by the mean gradient of one class's logit: (B, h, w).

    Grad-CAM, see :mod:`model.inference.grad_cam`. Needs TensorFlow as Keras' backend.
    """
    import tensorflow as tf

    maps = tf.convert_to_tensor(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = after_maps([maps, tf.convert_to_tensor(patients)], training=False)
        explained = tf.reduce_sum(logits * one_hot)
    # Zero, not None, where the fusion leaves the image out.
    gradient = tape.gradient(explained, maps, unconnected_gradients="zero")
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * maps, axis=-1)


def load_network(bundle: Path, manifest: Manifest) -> keras.Model:
    """Load the network in safe mode and check that it fits the manifest.

    Raises:
        BundleError: the file is missing, not the one that the manifest was written for, or its
            inputs, outputs or class order differ from the manifest's.
    """
    path = checked_file(bundle, manifest, NETWORK_FILE)
    try:
        classes = saved_classes(path)
        network = open_saved(path)
    except _NOT_LOADABLE as error:
        raise BundleError(
            f"{path} cannot be loaded: {cause_of(error)} {_next_step(manifest)}"
        ) from error
    _check_shapes(network, manifest)
    _check_class_order(classes, manifest)
    return network


def _next_step(manifest: Manifest) -> str:
    """Advice for a network that fits the manifest and yet cannot be loaded."""
    written = manifest.versions.get("keras")
    if written in (None, keras.__version__):
        return "Train again, or use the version of the project that wrote it."
    return (
        f"It was written by Keras {written}, and this is Keras {keras.__version__}: install the "
        "versions of requirements.txt."
    )


def _check_class_order(saved: list[str] | None, manifest: Manifest) -> None:
    """Refuse another class order: a sorted manifest would show a melanoma as a nevus."""
    if saved is None and set(manifest.codes) == set(DIAGNOSES):
        saved = list(DIAGNOSES)  # of networks whose file does not name them yet
    if saved not in (None, manifest.codes):
        raise BundleError(
            f"{MANIFEST_FILE} has the classes in the order {', '.join(manifest.codes)}, but "
            f"{NETWORK_FILE} answers in the order {', '.join(saved)}. Copy the bundle again."
        )


def _check_shapes(network: keras.Model, manifest: Manifest) -> None:
    side = manifest.image.side
    expected = {
        "image": (side, side, 3),
        "patient": (manifest.patient.width,),
        "output": (len(manifest.classes),),
    }
    tensors = {**network.input, "output": network.output}
    found = {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}
    if found != expected:
        raise BundleError(
            f"{NETWORK_FILE} has shapes {found}, but {MANIFEST_FILE} needs {expected}. "
            "The two files are not of one bundle: copy it again."
        )
