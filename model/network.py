"""The dual-branch network: an image branch and a patient branch, fused into one diagnosis."""

import keras
from keras import layers


def build_network(
    backbone: keras.Model,
    *,
    patient_width: int,
    classes: int,
    patient_units: int = 64,
    fused_units: int = 128,
    dropout: float = 0.3,
) -> keras.Model:
    """Join a backbone and a small multi-layer perceptron by concatenation.

    Inputs, by name: ``image``, RGB in [0, 255], (B, side, side, 3), and ``patient``, encoded
    context, (B, patient_width). Output: softmax over the classes, (B, classes).

    The layers ``image_embedding`` and ``logits`` are named for those who look inside: what follows
    the embedding is cheap, so contexts can be exchanged without running the backbone again.
    """
    # === Image branch ===
    image = keras.Input(backbone.input_shape[1:], name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    features = backbone(scaled)  # (B, h, w, C)
    embedding = layers.GlobalAveragePooling2D(name="image_embedding")(features)  # (B, C)

    # === Patient branch ===
    patient = keras.Input((patient_width,), name="patient")
    context = layers.Dense(patient_units, activation="relu", name="patient_1")(patient)
    context = layers.Dense(patient_units, activation="relu", name="patient_2")(context)

    # === Fusion and head ===
    fused = layers.Concatenate(name="fusion")([embedding, context])
    fused = layers.Dropout(dropout, name="dropout_1")(fused)
    fused = layers.Dense(fused_units, activation="relu", name="fused")(fused)
    fused = layers.Dropout(dropout, name="dropout_2")(fused)
    logits = layers.Dense(classes, name="logits")(fused)
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model({"image": image, "patient": patient}, probabilities, name="dual_branch")
