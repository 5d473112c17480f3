"""The dual-branch network: an image branch and a patient branch, fused into one diagnosis.

image ──▸ backbone ──▸ image_embedding ──┐
                                         ├─▸ fusion ──▸ head ──▸ logits ──▸ probabilities
patient ──▸ patient_1 ──▸ patient_2 ─────┘
"""

import json
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import keras
from keras import layers

from model.errors import ConfigError
from model.networks.fusion import FUSIONS

Tensor = keras.KerasTensor


def build_network(
    backbone: keras.Model | None,
    *,
    patient_width: int,
    classes: int,
    fusion: str = "concat",
    pooling: str = "average",
    patient_units: int = 64,
    patient_layers: int = 2,
    fused_units: int = 128,
    further_units: Sequence[int] = (),
    dropout: float = 0.3,
    further_dropout: float = 0.3,
    first_dropout: float = -1.0,
    last_dropout: float = -1.0,
    head_batchnorm: bool = False,
    output: str = "softmax",
    side: int = 32,
) -> keras.Model:
    """Join a backbone and a small multi-layer perceptron.

    Inputs, by name: ``image``, RGB in [0, 255], (B, side, side, 3), and ``patient``, encoded
    context, (B, patient_width). Output: probabilities of the classes, (B, classes).

    The layers ``image_embedding`` and ``logits`` are named for those who look inside: what follows
    the embedding is cheap, so contexts can be exchanged without running the backbone again. The
    embedding is a vector (B, C), with the fusion ``cross_attention`` all cells (B, h * w, C).

    Args:
        backbone: of :func:`model.networks.backbones.build_backbone`. None where the fusion is
            ``metadata``: then the embedding is the image's mean colour, which nothing uses.
        patient_width: columns of the encoded context.
        classes: number of outputs.
        fusion: a name of :data:`model.networks.fusion.FUSIONS`, or ``add``.
        pooling: of the feature maps into the embedding: average, max, or flatten to keep them all.
        patient_units: width of the patient branch.
        patient_layers: its number of layers.
        fused_units: width of the layer after the fusion; 0 for none.
        further_units: widths of the layers after that one.
        dropout: before and after the layer after the fusion.
        further_dropout: after each further layer.
        first_dropout: before the layer after the fusion, if it is not negative.
        last_dropout: after the last layer, before the output, if it is not negative.
        head_batchnorm: whether BatchNorm follows the layer after the fusion.
        output: ``softmax``, or for two classes ``sigmoid``, a single output: the second class's
            logit, to which 0 is added as the first one's, since softmax([0, z]) = sigmoid(z).
        side: of the images in pixels, where there is no backbone.

    Raises:
        ConfigError: a sigmoid for other than two classes.
    """
    # === Image branch ===
    image = keras.Input(backbone.input_shape[1:] if backbone else (side, side, 3), name="image")
    features = backbone(image) if backbone else layers.Rescaling(1 / 255)(image)  # (B, h, w, C)
    embedding = _pooling(features, fusion, pooling)(features)

    # === Patient branch ===
    patient = keras.Input((patient_width,), name="patient")
    context = patient if fusion == "none" else _perceptron(patient, patient_units, patient_layers)

    # === Fusion and head ===
    rates = [dropout, *[dropout] * bool(fused_units), *[further_dropout] * len(further_units)]
    rates[0] = first_dropout if first_dropout >= 0 else rates[0]
    rates[-1] = last_dropout if last_dropout >= 0 else rates[-1]
    logits = _logits(
        fusion,
        embedding,
        context,
        classes,
        output=output,
        fused_units=fused_units,
        further_units=further_units,
        dropouts=rates,
        head_batchnorm=head_batchnorm,
    )
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model({"image": image, "patient": patient}, probabilities, name="dual_branch")


def _perceptron(patient: Tensor, units: int, count: int) -> Tensor:
    """The layers of the patient branch."""
    context = patient
    for number in range(1, 1 + count):
        context = layers.Dense(units, activation="relu", name=f"patient_{number}")(context)
    return context


def _logits(
    fusion: str, embedding: Tensor, context: Tensor, classes: int, *, output: str, **hidden: object
) -> Tensor:
    """Join both branches; the fusion ``add`` adds the logits of each."""
    single = output == "sigmoid"
    if single and classes != 2:
        raise ConfigError(f"output sigmoid is for two classes, not {classes}. Set it to softmax.")
    units, name = (1, "logit") if single else (classes, "logits")
    if fusion == "add":
        ours = layers.Dense(units, name="image_logits")(_hidden(embedding, **hidden))
        theirs = layers.Dense(units, name="patient_logits")(context)
        answer = layers.Add(name=name)([ours, theirs])
    else:
        fused = FUSIONS[fusion](name="fusion")([embedding, context])
        answer = layers.Dense(units, name=name)(_hidden(fused, **hidden))
    return _pair(answer) if single else answer


def _pair(logit: Tensor) -> Tensor:
    """Two logits, (B, 2), of which the first is 0, of a single one, (B, 1)."""
    row = layers.Reshape((1, 1), name="logit_row")(logit)
    return layers.Reshape((2,), name="logits")(layers.ZeroPadding1D((1, 0), name="logit_zero")(row))


def _pooling(features: Tensor, fusion: str, pooling: str) -> layers.Layer:
    """The layer that makes the embedding of the feature maps (B, h, w, C)."""
    name = "image_embedding"
    if fusion == "cross_attention":
        height, width, channels = features.shape[1:]
        return layers.Reshape((height * width, channels), name=name)
    pools = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    return pools.get(pooling, layers.Flatten)(name=name)


def _hidden(
    fused: Tensor,
    *,
    fused_units: int,
    further_units: Sequence[int],
    dropouts: Sequence[float],
    head_batchnorm: bool,
) -> Tensor:
    """The layers between the fusion and the logits; ``dropouts`` are before and after each."""
    rates = iter(dropouts)
    fused = layers.Dropout(next(rates), name="dropout_1")(fused)
    if fused_units:
        fused = layers.Dense(fused_units, activation="relu", name="fused")(fused)
        if head_batchnorm:
            fused = layers.BatchNormalization(name="fused_norm")(fused)
        fused = layers.Dropout(next(rates), name="dropout_2")(fused)
    for number, units in enumerate(further_units, start=3):
        fused = layers.Dense(units, activation="relu", name=f"further_{number - 2}")(fused)
        fused = layers.Dropout(next(rates), name=f"dropout_{number}")(fused)
    return fused


_METADATA = "metadata.json"  # of Keras, inside its file
_LAYERS = {keras.saving.get_registered_name(layer): layer for layer in FUSIONS.values()}


def open_saved(file: Path) -> keras.Model:
    """Load a .keras file in Keras' safe mode, without what was needed to train it."""
    return keras.models.load_model(file, custom_objects=_LAYERS, compile=False, safe_mode=True)


def pack_saved(file: Path, packed: Path, *, classes: list[str]) -> None:
    """Compress a .keras file, which is a zip archive, and store its class order inside."""
    with ZipFile(file) as plain, ZipFile(packed, "w", ZIP_DEFLATED) as compressed:
        for member in plain.infolist():
            content = plain.read(member)
            if member.filename == _METADATA:
                content = json.dumps(json.loads(content) | {"classes": classes})
            compressed.writestr(member.filename, content)


def saved_classes(file: Path) -> list[str] | None:
    """The class order stored in a .keras file; None if it has none."""
    with ZipFile(file) as archive:
        return json.loads(archive.read(_METADATA)).get("classes")


def cause_of(error: Exception) -> str:
    """Why Keras could not open a file, in one line; its own messages dump whole objects."""
    innermost = str(error).rpartition("Exception encountered: ")[2].strip()
    return (innermost or type(error).__name__).splitlines()[0]
