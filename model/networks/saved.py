"""Opening the file of a saved network, whatever its fusion, in a process that has built none."""

from pathlib import Path

import keras

from model.networks.fusion import FUSIONS

_LAYERS = {keras.saving.get_registered_name(layer): layer for layer in FUSIONS.values()}


def open_saved(file: Path) -> keras.Model:
    """Load a .keras file in Keras' safe mode, without what was needed to train it."""
    return keras.models.load_model(file, custom_objects=_LAYERS, compile=False, safe_mode=True)


def cause_of(error: Exception) -> str:
    """Why Keras could not open a file, in one line; its messages go on with whole objects."""
    innermost = str(error).rpartition("Exception encountered: ")[2].strip()
    return (innermost or type(error).__name__).splitlines()[0]
