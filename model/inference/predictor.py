"""Calibrated probabilities for photographs and their patients, through LiteRT or Keras.

Importing this loads neither of the two; :meth:`Predictor.load` loads the one that it uses.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from model.data.cache import cached_images, cached_squares
from model.errors import BundleError, ImageError
from model.frame import Box, Frame, crop_frame
from model.image import read_image
from model.inference.backend import Backend, BackendName, ModelOutputs
from model.inference.bundle import (
    LITERT_FILE,
    RELEASED,
    Manifest,
    litert_file,
    load_cases,
    load_closeup_detector,
    load_detector,
    load_finder,
    read_manifest,
)
from model.inference.calibration import apply_temperature
from model.inference.embeddings import image_vectors
from model.inference.finder import Framed, LesionFinder, frame_photograph
from model.inference.grad_cam import grad_cam
from model.inference.ood import ExampleDetector, OODDetector
from model.inference.similar import CaseIndex
from model.inference.study import Study
from model.patient import Patient

_BATCH = 64
_QUIET = 3.0  # seconds that need no progress bar


class Predictor:
    """A loaded bundle. Safe to use from many threads."""

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        detector: OODDetector | None = None,
        cases: CaseIndex | None = None,
        finder: LesionFinder | None = None,
        closeups: ExampleDetector | None = None,
    ) -> None:
        """Take a network, the manifest that it fits, and what else its bundle may hold."""
        self.backend = backend
        self.manifest = manifest
        self.finder = finder
        self.closeups = closeups
        self.progress: tqdm | None = None
        """A bar that counts all images that are predicted, instead of one of each call."""
        self.detector = detector
        self.cases = cases

    @classmethod
    def load(cls, path: Path = RELEASED, backend: BackendName = "auto") -> "Predictor":
        """Load a bundle from its folder.

        By default through LiteRT, which is faster and starts without TensorFlow, where the bundle
        has been exported to it, else through Keras.

        Raises:
            BundleError: the bundle is missing, damaged, contradicts itself or lacks the backend.
        """
        manifest = read_manifest(path)
        loaded = load_backend(path, manifest, backend)
        detector, cases = load_detector(path, manifest), load_cases(path, manifest)
        finder = load_finder(path, manifest, loaded.name)
        closeups = load_closeup_detector(path, manifest)
        return cls(loaded, manifest, detector, cases, finder, closeups)

    def warm_up(self) -> None:
        """Run once on an empty image, so that the first visitor need not wait for compilation."""
        side = self.manifest.image.side
        study = self._study(Image.new("RGB", (side, side)))
        study.grad_cam(Patient(), self.manifest.codes[0])
        for field in self.manifest.patient.fields:
            study.what_if(Patient(), field, self.manifest.codes[0])

    def predict(
        self,
        image: Path | BinaryIO | bytes,
        patient: Patient | None = None,
        *,
        box: Box | None = None,
    ) -> dict[str, float]:
        """Give one photograph's probabilities by class code, in the bundle's order.

        ``box`` is the lesion's, x0, y0, x1, y1 in pixels of the upright photograph, in place of the
        one that would be found.

        Raises:
            ImageError: the file cannot be read as a photograph, or the box does not fit it.
        """
        squares = self.frame(read_image(image), box=box).squares
        row = self.predict_images(squares[None], [patient or Patient()])[0]
        return dict(zip(self.manifest.codes, row.tolist(), strict=True))

    def frame(self, photograph: Image.Image, *, box: Box | None = None) -> Framed:
        """Prepare an upright RGB photograph, see :func:`model.inference.finder.frame_photograph`.

        Raises:
            ImageError: the box does not fit the photograph.
        """
        return frame_photograph(photograph, self.manifest.image, self.finder, box=box)

    def prepared(self, paths: Sequence[Path], *, cache_dir: Path) -> np.ndarray:
        """Prepare files, or map those that an earlier call prepared: uint8, see :meth:`outputs`.

        Raises as :func:`model.data.cache.cached_images`.
        """
        image = self.manifest.image
        if self.finder is None:
            return cached_images(paths, image, cache_dir=cache_dir)
        settings = image.settings | {"finder": self.finder.sha256}
        shape = (len(image.frame_scales), image.side, image.side, 3)

        def load(path: Path) -> np.ndarray:
            return self.frame(read_image(path)).squares

        return cached_squares(paths, load, shape, settings, cache_dir=cache_dir)

    def whole_photographs(self, paths: Sequence[Path], *, cache_dir: Path) -> np.ndarray:
        """As :meth:`prepared`, but the whole photographs of a network that sees frames.

        uint8 (N, side, side, 3).
        """
        side = self.manifest.image.side

        def load(path: Path) -> np.ndarray:
            photograph = read_image(path)
            return np.asarray(crop_frame(photograph, Frame.whole(*photograph.size), side))

        how = {"whole": True, "side": side}
        return cached_squares(paths, load, (side, side, 3), how, cache_dir=cache_dir)

    def predict_files(
        self,
        paths: Sequence[Path],
        patients: Sequence[Patient],
        boxes: Sequence[Box | None] | None = None,
    ) -> Iterator[np.ndarray | ImageError]:
        """Give each file's probabilities (classes,), in order; an unreadable one's error instead.

        Files are decoded in parallel, 64 at a time, while the network predicts those before.
        ``boxes`` are as in :meth:`predict`.
        """
        boxes = boxes or [None] * len(paths)
        with ThreadPoolExecutor() as pool:
            coming = pool.map(self._load_image, paths[:_BATCH], boxes[:_BATCH])
            for start in range(0, len(paths), _BATCH):
                end = start + _BATCH
                images = list(coming)
                following = slice(end, end + _BATCH)
                coming = pool.map(self._load_image, paths[following], boxes[following])
                yield from self._predict_readable(images, patients[start:end])

    def predict_images(
        self, images: np.ndarray, patients: Sequence[Patient], *, tta: bool = True
    ) -> np.ndarray:
        """Give probabilities (N, classes) of prepared images, see :meth:`outputs`."""
        return self.outputs(images, patients, tta=tta).probabilities

    def outputs(
        self,
        images: np.ndarray,
        patients: Sequence[Patient],
        *,
        tta: bool = True,
        alone: bool = False,
    ) -> ModelOutputs:
        """Give calibrated probabilities, logits and embeddings of prepared images.

        Images are (N, side, side, 3), or (N, S, side, side, 3) of so many scales, over which
        everything is averaged, as it is over TTA views with ``tta``. Embeddings are projected where
        the bundle says so. ``alone`` also gives the probabilities of the image alone. Shows its
        progress after a few seconds.
        """
        encoded = self.manifest.patient.encode(patients)
        unknown = self.manifest.patient.encode([Patient()])[0] if alone else None
        own = tqdm(
            total=len(images),
            desc="Predicting",
            unit="image",
            delay=_QUIET,
            leave=False,
            disable=self.progress is not None or len(images) <= _BATCH,
        )
        found = []
        with own:
            for start in range(0, len(images), _BATCH):
                rows = slice(start, start + _BATCH)
                outputs = self._over_scales(images[rows], encoded[rows], unknown, tta=tta)
                # At once: the embeddings of all images may not fit into memory.
                found.append(self._projected(outputs))
                (self.progress or own).update(len(outputs.probabilities))
        joined = _combined(found, np.concatenate)
        calibrated = {
            name: apply_temperature(values, self.manifest.temperature)
            for name, values in vars(joined).items()
            if name in ("probabilities", "alone") and values is not None
        }
        return replace(joined, **calibrated)

    def grad_cam(
        self, images: np.ndarray, patients: Sequence[Patient], labels: np.ndarray
    ) -> np.ndarray:
        """Give the Grad-CAM of each prepared square for its class (N,): (N, h, w) in [0, 1]."""
        rows = zip(images, self.manifest.patient.encode(patients), labels, strict=True)
        return np.stack([grad_cam(self.backend, self.backend.embed(i), p, n) for i, p, n in rows])

    def study(self, image: Path | BinaryIO | bytes, *, box: Box | None = None) -> Study:
        """Embed one photograph, of which any patient can then be predicted cheaply.

        ``box`` is as in :meth:`predict`.

        Raises:
            ImageError: the file cannot be read as a photograph, or the box does not fit it.
        """
        return self._study(read_image(image), box)

    def _study(self, photograph: Image.Image, box: Box | None = None) -> Study:
        return Study(
            photograph,
            self.frame(photograph, box=box),
            self.backend,
            self.manifest,
            detector=self.detector,
            cases=self.cases,
            closeups=self.closeups,
        )

    def _over_scales(
        self, images: np.ndarray, encoded: np.ndarray, unknown: np.ndarray | None, *, tta: bool
    ) -> ModelOutputs:
        """Outputs of one batch, averaged over the scales of each image."""
        scales = images.swapaxes(0, 1) if images.ndim == 5 else images[None]
        found = [self.backend.outputs(squares, encoded, unknown, tta=tta) for squares in scales]
        return _combined(found, partial(np.mean, axis=0))

    def _predict_readable(
        self, images: list[np.ndarray | ImageError], patients: Sequence[Patient]
    ) -> list[np.ndarray | ImageError]:
        readable = [n for n, image in enumerate(images) if isinstance(image, np.ndarray)]
        found = list(images)
        if readable:
            arrays = np.stack([images[n] for n in readable])
            rows = self.predict_images(arrays, [patients[n] for n in readable])
            for n, row in zip(readable, rows, strict=True):
                found[n] = row
        return found

    def _load_image(self, path: Path, box: Box | None) -> np.ndarray | ImageError:
        try:
            return self.frame(read_image(path), box=box).squares
        except ImageError as error:
            return error

    def _projected(self, outputs: ModelOutputs) -> ModelOutputs:
        vectors = image_vectors(outputs.embeddings, self.manifest.projection)
        return replace(outputs, embeddings=vectors)


def load_backend(path: Path, manifest: Manifest, backend: BackendName = "logits") -> Backend:
    """Load a bundle's network; by default through LiteRT where its file also gives logits."""
    file = None if backend == "keras" else litert_file(path, manifest)
    if file:
        from model.inference.litert_backend import LiteRTBackend

        litert = LiteRTBackend(file)
        if litert.has_logits or backend != "logits":
            return litert
    if backend == "litert":
        raise BundleError(
            f"{path} has no {LITERT_FILE}. Run: python -m model export --bundle {path}"
        )
    from model.inference.keras_backend import KerasBackend, load_network

    return KerasBackend(load_network(path, manifest), tta_views=manifest.tta_views)


def _combined(
    outputs: list[ModelOutputs], combine: Callable[[list[np.ndarray]], np.ndarray]
) -> ModelOutputs:
    """Combine each array of several outputs; what the backend does not give stays None."""
    names = [name for name, values in vars(outputs[0]).items() if values is not None]
    arrays = {name: combine([vars(one)[name] for one in outputs]) for name in names}
    return ModelOutputs(**{"logits": None, **arrays})
