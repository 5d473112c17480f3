"""The file of a saved network: packing it, and opening it in a process that has built none."""

import json
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import keras

from model.networks.fusion import FUSIONS

_LAYERS = {keras.saving.get_registered_name(layer): layer for layer in FUSIONS.values()}
_METADATA = "metadata.json"  # of Keras, inside its file


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
    """Why Keras could not open a file, in one line; its messages go on with whole objects."""
    innermost = str(error).rpartition("Exception encountered: ")[2].strip()
    return (innermost or type(error).__name__).splitlines()[0]
