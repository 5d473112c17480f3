"""What a picture of the dual-branch network has to show, read from the network itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

from model.networks.fusion import FUSIONS, CrossAttention
from model.patient import Field

_POOLINGS = {
    layers.GlobalAveragePooling2D: "average pooling",
    layers.GlobalMaxPooling2D: "max pooling",
    layers.Flatten: "all of them",
    layers.Reshape: "cell by cell",
}


@dataclass(frozen=True)
class Block:
    """One thing on the way from input to output."""

    title: str
    shape: tuple[int, ...]  # for one image
    note: str = ""


@dataclass(frozen=True)
class Backbone:
    """The image network, by its last feature maps of each size."""

    title: str
    maps: list[tuple[int, int, int]]  # (h, w, C), the largest first
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Outline:
    """The network from left to right."""

    image: Block
    backbone: Backbone | None
    image_vectors: list[Block]  # the embedding, with the fusion add also its head
    patient: Block
    fields: list[str]  # of the patient, by name
    patient_vectors: list[Block]
    fusion: Block
    head: list[Block]
    unused: str  # branch that the fusion leaves out: image, patient, or empty

    @classmethod
    def of(cls, network: keras.Model, fields: Sequence[Field]) -> "Outline":
        """Read a network built by :func:`model.networks.network.build_network`.

        ``fields`` are those that its patient input encodes.
        """
        dense = [layer for layer in network.layers if isinstance(layer, layers.Dense)]
        patient = [layer for layer in dense if layer.name.startswith("patient_")]
        head = [layer for layer in dense if layer not in patient]
        fusion = _fusion(network)
        image_vectors = [_embedding(network)]
        if fusion.title == "add":
            image_vectors, head = [*image_vectors, *map(_vector, head)], []
        return cls(
            image=Block("image", network.input["image"].shape[1:]),
            backbone=_backbone(network),
            image_vectors=image_vectors,
            patient=Block("patient", network.input["patient"].shape[1:]),
            fields=[field.name for field in fields],
            patient_vectors=[_vector(layer) for layer in patient],
            fusion=fusion,
            head=[_vector(layer) for layer in head],
            unused={"none": "patient", "metadata": "image"}.get(fusion.title, ""),
        )


def stages(backbone: keras.Model) -> list[tuple[int, int, int]]:
    """The last feature maps (h, w, C) of each size, each at least 1.6 times as high as the next."""
    last = {}
    for layer in backbone.layers:
        shape = layer.output.shape[1:]
        # Padding is no stage of its own, and three channels are still the photograph.
        if len(shape) == 3 and shape[-1] != 3 and not isinstance(layer, layers.ZeroPadding2D):
            last[shape[0]] = shape
    found = [backbone.output.shape[1:]]
    for height in sorted(last):
        if height >= 1.6 * found[0][0]:
            found.insert(0, last[height])
    return found


def _backbone(network: keras.Model) -> Backbone | None:
    inner = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    if not inner:
        return None
    counts = inner[0].count_params(), multiply_adds(inner[0])
    return Backbone(inner[0].name, stages(inner[0]), *counts)


def _embedding(network: keras.Model) -> Block:
    layer = network.get_layer("image_embedding")
    return Block("embedding", layer.output.shape[1:], _POOLINGS.get(type(layer), ""))


def _vector(layer: layers.Dense) -> Block:
    return Block(layer.name.replace("_", " "), layer.output.shape[1:])


def _fusion(network: keras.Model) -> Block:
    for layer in network.layers:
        if layer.name == "fusion":
            names = {kind: name for name, kind in FUSIONS.items()}
            return Block(names[type(layer)], layer.output.shape[1:])
    return Block("add", network.output.shape[1:])


def multiply_adds(layer: layers.Layer) -> int:
    """Count the multiplications, each with its addition, of one image's way through a layer.

    A network is a layer of layers. Convolutions, dense layers and attention are counted, as in the
    papers that compare networks; normalisation, activations and pooling are not.
    """
    if isinstance(layer, keras.Model):
        return sum(map(multiply_adds, layer.layers))
    if isinstance(layer, CrossAttention):
        return _of_cross_attention(layer)
    # Each weight of a kernel is used once at every place of the output, (B, h, w, C) or (B, C).
    return _kernel_weights(layer) * math.prod(layer.output.shape[1:-1])


def _kernel_weights(layer: layers.Layer) -> int:
    return sum(math.prod(w.shape) for w in layer.weights if w.name == "kernel")


def _of_cross_attention(layer: CrossAttention) -> int:
    """The context's query is mapped once, keys and values are those of all cells (B, cells, C)."""
    cells, attention = layer.input[0].shape[1], layer.attention
    of_query = _kernel_weights(attention.query_dense) + _kernel_weights(attention.output_dense)
    of_cell = _kernel_weights(attention.key_dense) + _kernel_weights(attention.value_dense)
    _, heads, width = attention.query_dense.kernel.shape
    compared = 2 * heads * width  # query with key, and weight with value
    return of_query + cells * (of_cell + compared)
