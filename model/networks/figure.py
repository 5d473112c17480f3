"""A picture of the dual-branch network: both branches, their shapes, the fusion and the head.

The shapes are read from the network itself. Drawn without global state and, as SVG, byte for byte
the same each time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib
import numpy as np
from keras import layers
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from model.errors import ConfigError
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
    """One step from input to output."""

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
class Architecture:
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
    def of(cls, network: keras.Model, fields: Sequence[Field]) -> "Architecture":
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
    """Count the multiply-adds of one image's forward pass through a layer.

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


FORMATS = (".svg", ".png", ".pdf")

_IMAGE, _PATIENT, _FUSION, _HEAD = "#4477aa", "#228866", "#cc8833", "#885588"
_TOP, _BOTTOM, _MIDDLE = 4.0, 1.25, 2.6
"""Heights of the image's row, the patient's row and what follows them, in inches."""
_HEIGHT = 5.5
_ROOM = 0.7  # between neighbours, inches
_MARGIN = 0.3
_INPUT = 1.25  # width of an input, inches


def draw_network(architecture: Architecture, classes: Sequence[str], file: Path) -> None:
    """Draw to a file, whose suffix says the format: .svg, .png or .pdf.

    Raises:
        ConfigError: another suffix.
    """
    if file.suffix not in FORMATS:
        raise ConfigError(
            f"{file.name} is not the name of a picture: end it in {', '.join(FORMATS)}."
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(file.suffix)
    with matplotlib.rc_context({"svg.hashsalt": "network"}):
        network_figure(architecture, classes).savefig(file, dpi=150, metadata=undated)


def network_figure(architecture: Architecture, classes: Sequence[str]) -> Figure:
    """Draw an architecture; ``classes`` are the codes of the outputs, in their order."""
    figure = Figure(figsize=(1, _HEIGHT))
    axes = figure.add_axes((0, 0, 1, 1))
    image = _Row(axes, _TOP, LINE if architecture.unused == "image" else _IMAGE)
    image.photograph(architecture.image)
    if architecture.backbone:
        image.backbone(architecture.backbone)
    image.vectors(architecture.image_vectors)
    patient = _Row(axes, _BOTTOM, LINE if architecture.unused == "patient" else _PATIENT)
    patient.fields(architecture.patient, architecture.fields)
    patient.vectors(architecture.patient_vectors)
    after = _Row(axes, _MIDDLE, _HEAD, start=max(image.end, patient.end) + 0.75)
    after.fusion(
        architecture.fusion, {"image": image, "patient": patient}, unused=architecture.unused
    )
    after.vectors(architecture.head)
    after.answer(classes)
    figure.set_figwidth(after.end + _MARGIN)
    axes.set(xlim=(0, after.end + _MARGIN), ylim=(0, _HEIGHT))
    axes.set_axis_off()
    return figure


class _Row:
    """Shapes from left to right, each joined to the one before by an arrow."""

    def __init__(self, axes: Axes, centre: float, colour: str, *, start: float = _MARGIN) -> None:
        self.axes, self.centre, self.colour = axes, centre, colour
        self.end, self._empty = start, True

    def photograph(self, block: Block) -> None:
        """The image branch's input."""
        left, low = self._advance(_INPUT), self.centre - _INPUT / 2
        photograph(self.axes, (left, low), _INPUT, edge=self.colour)
        label(self.axes, left + _INPUT / 2, low, block.title, times(block.shape))

    def fields(self, block: Block, names: Sequence[str]) -> None:
        """The patient branch's input, one field under the other."""
        height, left = 0.27, self._advance(_INPUT)
        middle = left + _INPUT / 2
        for number, field in enumerate(names):
            low = self.centre + 0.165 * (len(names) - 1) - 0.135 - 0.33 * number
            box(self.axes, (left, low), (_INPUT, height), edge=self.colour, fill="white")
            self.axes.text(middle, low + height / 2, field, **CENTRED, size=SMALL, color=INK)
        label(self.axes, middle, low, block.title, times(block.shape))

    def backbone(self, backbone: Backbone) -> None:
        """One slab per size of the feature maps: as high as they, as thick as their channels."""
        start, highest = self.end + 0.3, backbone.maps[0][0]
        for height, width, channels in backbone.maps:
            depth, thick = 0.3 + 1.05 * (height / highest) ** 0.5, 0.07 * np.log2(channels) - 0.18
            left = self._advance(thick + 0.3 * depth, room=0.3)
            low = self.centre - depth / 2
            slab(self.axes, (left, low), thick=thick, depth=depth, colour=self.colour)
            middle = (left + self.end) / 2
            label(self.axes, middle, low, "", times((height, width)), f"× {channels}")
        about = f"{backbone.parameters:,} parameters"
        about += f", {backbone.multiply_adds / 1e6:,.3g} million multiply-adds"
        middle, top = (start + self.end) / 2, self.centre + 1.15
        name = {"size": NAME, "weight": "bold", "color": self.colour}
        self.axes.text(middle, top, backbone.title, ha="center", **name)
        self.axes.text(middle, top - 0.24, about, ha="center", size=SMALL, color=QUIET)

    def vectors(self, blocks: Sequence[Block]) -> None:
        """One bar per layer, higher with more values."""
        for block in blocks:
            height, width = min(1.7, 0.15 * np.log2(np.prod(block.shape)) + 0.12), 0.24
            left, low = self._advance(width), self.centre - height / 2
            look = {"edge": self.colour, "fill": pale(self.colour)}
            box(self.axes, (left, low), (width, height), **look)
            label(self.axes, left + width / 2, low, block.title, times(block.shape), block.note)

    def fusion(self, block: Block, branches: dict[str, "_Row"], *, unused: str) -> None:
        """Where both branches meet; one that is left out ends in front of it."""
        width, height = 1.25, 0.85
        left, low = self._advance(width), self.centre - height / 2
        middle = left + width / 2
        look = {"edge": _FUSION, "fill": pale(_FUSION), "rounding": 0.15}
        box(self.axes, (left, low), (width, height), **look)
        name = {"size": NAME, "weight": "bold", "color": INK}
        words = block.title.replace("_", "\n")
        self.axes.text(middle, self.centre + 0.1, words, **CENTRED, **name)
        self.axes.text(middle, low + 0.14, times(block.shape), **CENTRED, size=SMALL, color=QUIET)
        for branch, row in branches.items():
            edge = self.centre + np.sign(row.centre - self.centre) * (height / 2 + 0.05)
            row.lead_to((middle, edge), left_out=branch == unused)

    def lead_to(self, end: tuple[float, float], *, left_out: bool) -> None:
        """Lead the row's end to a place above or below, or nowhere if it is left out."""
        across = end[0]
        style = ":" if left_out else "-"
        rows = [self.centre] * 2
        self.axes.plot([self.end + 0.05, across], rows, style, color=LINE, lw=1.2)
        if left_out:
            text = {"size": SMALL, "color": QUIET, "backgroundcolor": "white"}
            self.axes.text(across, self.centre, "not used", **CENTRED, **text)
        else:
            arrow(self.axes, (across, self.centre), end)

    def answer(self, classes: Sequence[str]) -> None:
        """The probabilities, a bar per class; their lengths mean nothing."""
        step = min(0.3, 3.0 / len(classes))
        left = self._advance(1.25)
        top = self.centre + step * len(classes) / 2
        for number, code in enumerate(classes):
            middle = top - step * (number + 0.5)
            size = min(SMALL, 35 * step)
            self.axes.text(left, middle, code, va="center", size=size, color=INK)
            length = (0.62 * 0.55**number, step / 1.5)
            bar(self.axes, (left + 0.6, middle - step / 3), length, colour=self.colour)
        label(self.axes, left + 0.55, top - step * len(classes), "probabilities")

    def _advance(self, width: float, *, room: float = _ROOM) -> float:
        """Make room for the next shape, point an arrow at it, and give its left edge."""
        if self._empty:
            left, self._empty = self.end, False
        else:
            left = self.end + room
            arrow(self.axes, (self.end + 0.05, self.centre), (left - 0.05, self.centre))
        self.end = left + width
        return left


INK, QUIET, LINE = "#222222", "#666666", "#888888"
NAME, SMALL = 12, 10.5  # points
CENTRED = {"ha": "center", "va": "center"}

Place = tuple[float, float]


def pale(colour: str, white: float = 0.72) -> tuple[float, ...]:
    """The colour mixed with so much white."""
    rgb = np.array(to_rgb(colour))
    return tuple(rgb + (1 - rgb) * white)


def box(
    axes: Axes, corner: Place, size: Place, *, edge: str, fill: object, rounding: float = 0.05
) -> None:
    """A box with rounded corners; ``corner`` is the lower left one."""
    style = f"round,pad=0,rounding_size={rounding}"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec=edge, lw=1.4))


def bar(axes: Axes, corner: Place, size: Place, *, colour: str) -> None:
    """A plain bar."""
    axes.add_patch(Rectangle(corner, *size, fc=pale(colour), ec=colour, lw=0.8))


def photograph(axes: Axes, corner: Place, side: float, *, edge: str) -> None:
    """A schematic lesion on skin."""
    axes.add_patch(Rectangle(corner, side, side, fc="#f3d9c9", ec=edge, lw=1.6))
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radii = 0.26 + 0.04 * np.sin(3 * angles) + 0.02 * np.cos(5 * angles + 1)
    outline = side * np.stack([1.15 * radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    for scale, shade in ((1.0, "#b07c62"), (0.72, "#8a5843"), (0.4, "#63392b")):
        axes.add_patch(Polygon(corner + np.array(side / 2) + scale * outline, fc=shade, ec="none"))


def slab(axes: Axes, corner: Place, *, thick: float, depth: float, colour: str) -> None:
    """Feature maps, seen from their front left: ``thick`` wide, their face going back.

    As high as ``depth``, and 0.3 of it wider than thick.
    """
    near, back = thick, thick + 0.3 * depth
    low, high = 0.2 * depth, 0.8 * depth
    sides = {
        0.55: [(0, 0), (near, 0), (near, high), (0, high)],
        0.8: [(0, high), (near, high), (back, depth), (back - thick, depth)],
        0.7: [(near, 0), (back, low), (back, depth), (near, high)],
    }
    for white, corners in sides.items():
        at = np.array(corners) + corner
        axes.add_patch(Polygon(at, fc=pale(colour, white), ec=colour, lw=1, joinstyle="round"))


def arrow(axes: Axes, start: Place, end: Place) -> None:
    """An arrow."""
    look = {"arrowstyle": "-|>", "color": LINE, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=look)


def label(axes: Axes, middle: float, top: float, title: str, *lines: str) -> None:
    """Write below a shape its name, then its size and a note; empty lines take no room."""
    if title:
        axes.text(middle, top - 0.23, title, ha="center", size=NAME, color=INK)
        top -= 0.2
    for line in filter(None, lines):
        axes.text(middle, top - 0.22, line, ha="center", size=SMALL, color=QUIET)
        top -= 0.19


def times(shape: Sequence[int]) -> str:
    """A shape in words: 4 × 4 × 768."""
    return " × ".join(map(str, shape))
