"""What a predictor runs its network on: Keras or LiteRT."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

BackendName = Literal["auto", "keras", "litert", "logits"]
"""``auto`` is LiteRT where the bundle has it, ``logits`` where its file has logits; else Keras."""

GRAD_CAM_VIEWS = 4
"""TTA views of an image that its Grad-CAM is averaged over, if predictions are over fewer."""


@dataclass(frozen=True)
class Features:
    """Output of the image branch for one photograph, before the patient is fused in."""

    embeddings: np.ndarray  # (V, embedding), of the TTA views that a prediction is averaged over
    maps: np.ndarray  # feature maps (W, h, w, C), of the views that Grad-CAM needs


@dataclass(frozen=True)
class ModelOutputs:
    """Outputs and inner values of a network for N images, averaged over their TTA views."""

    probabilities: np.ndarray  # (N, classes)
    embeddings: np.ndarray  # (N, width), of the image alone
    logits: np.ndarray | None  # (N, classes); None from a LiteRT file of an older version
    alone: np.ndarray | None = None  # (N, classes), of a patient of whom nothing is known, if asked


class Backend(Protocol):
    """A network split after its image branch, so that the patient can be changed cheaply.

    Images are prepared, (side, side, 3) in [0, 255], and patients encoded, (width,). Probabilities
    are not calibrated. Safe to use from many threads.
    """

    name: Literal["keras", "litert"]
    has_logits: bool

    def embed(self, image: np.ndarray) -> Features:
        """Run the image branch on one photograph."""

    def predict(self, embeddings: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """Predict one photograph's probabilities (P, classes) for P patients."""

    def grad_cam(self, maps: np.ndarray, patient: np.ndarray, label: int) -> np.ndarray:
        """Weigh a photograph's feature maps for one class: (W, h, w)."""

    def outputs(
        self,
        images: np.ndarray,
        patients: np.ndarray,
        unknown: np.ndarray | None = None,
        *,
        tta: bool = True,
    ) -> ModelOutputs:
        """Run the network on N images and their N patients, and on an unknown one (width,).

        Averaged over TTA views with ``tta``.
        """
