"""The dual-branch network on one convolution."""

import keras

from model.networks.network import build_network

SIDE, WIDTH, CLASSES = 32, 14, 8


def build(fusion="concat", **settings):
    """A network on one convolution: an untrained MobileNet would let almost nothing through."""
    keras.utils.set_random_seed(1)
    image = keras.Input((SIDE, SIDE, 3))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    backbone = keras.Model(image, keras.layers.Conv2D(8, 8, 8, activation="relu")(scaled))
    backbone = None if fusion == "metadata" else backbone
    settings = {"classes": CLASSES} | settings
    return build_network(backbone, patient_width=WIDTH, fusion=fusion, **settings)
