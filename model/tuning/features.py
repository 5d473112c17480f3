"""Features of photographs by a frozen network, computed once and kept on disk."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from isic_api.files import whole_file
from model.data.cache import files_key

_BATCH = 64


def cached_features(
    images: np.ndarray,
    paths: Sequence[Path],
    image_part: keras.Model,
    *,
    prepared: dict,
    cache_dir: Path,
) -> np.ndarray:
    """What ``image_part`` gives for the images (N, side, side, 3): float32 (N, ...).

    Kept under the files' names, sizes and times, how they were ``prepared``, and the network's
    structure and weights.
    """
    file = cache_dir / f"features-{files_key(paths, prepared | _key(image_part))}.npy"
    if not file.exists():
        rows = image_part.predict(images, batch_size=_BATCH, verbose=0)
        with whole_file(file) as partial, partial.open("wb") as opened:
            np.save(opened, np.asarray(rows, np.float32))
    return np.load(file)


def _key(network: keras.Model) -> dict[str, str | list[str]]:
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    layers = [type(layer).__name__ for layer in network.layers]
    return {"weights": digest.hexdigest(), "layers": layers}
