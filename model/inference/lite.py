"""The network in LiteRT, which answers the same as Keras, faster, and starts without TensorFlow."""

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from model.inference.seen import Seen

_THREADS = 2
"""More gain little, and lose where a machine lends fewer cores than it shows."""


class LiteNetwork:
    """A file of :mod:`model.inference.export`; an :class:`model.inference.seen.Opened`."""

    def __init__(self, file: Path) -> None:
        """Load a file that was checked to be the bundle's."""
        interpreter = Interpreter(str(file), num_threads=_THREADS)
        self._look = interpreter.get_signature_runner("look")
        self._answer = interpreter.get_signature_runner("answer")
        self._cells = interpreter.get_signature_runner("cells")
        self._classes = self._cells.get_input_details()["asked"]["shape"][0]
        self._lock = threading.Lock()  # an interpreter is of one thread at a time

    def look(self, images: np.ndarray) -> Seen:
        """See the views (V, side, side, 3) of one photograph."""
        with self._lock:
            return Seen(**self._look(images=images.astype(np.float32)))

    def answer(self, embeddings: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Probabilities (P, classes) of one photograph for P encoded patients."""
        with self._lock:
            return self._answer(embeddings=embeddings, encoded=encoded)["probabilities"]

    def cells(self, features: np.ndarray, encoded: np.ndarray, number: int) -> np.ndarray:
        """What each cell of one photograph's feature maps adds to the logit of a class."""
        asked = np.eye(self._classes, dtype=np.float32)[number]
        with self._lock:
            return self._cells(features=features, encoded=encoded, asked=asked)["cells"]
