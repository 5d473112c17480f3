"""From a photograph to its lesions: where they are, and how sure that is.

The finder's outline is averaged over all eight right-angle views, so that turning or mirroring a
photograph turns and mirrors what is found. Where the lesion is small, a second look at a narrower
frame draws it more sharply.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from model.data.cache import cached_array
from model.frame import FINDER_SIDE, Box, Frame, crop_frame
from model.image import read_image
from model.inference.tta import aligned_mean, tta_views
from model.startup_notices import without_notices

Segment = Callable[[np.ndarray], np.ndarray]
"""Gives the share of each cell that is lesion, (B, h, w) in [0, 1], of views (B, side, side, 3)."""

_VIEWS = 8  # of test-time augmentation: all quarter turns and mirror images
_FINE = 224  # cells along each side in which outlines are measured
_SMALL = 0.3  # of the photograph's longer side: a smaller lesion gets a second look
_SECOND_LOOK = 2.5  # its frame, in multiples of the lesion's longer side
_FEWEST = 0.0004  # of the frame's area; less is a speck
_SECOND_LESION = 0.15  # of the first one's area, for a further lesion to be worth a notice
_CENTRED = 0.35  # of the frame's side: standard deviation of the preference for the middle
_TOUCHES = 0.2  # of a lesion's side along an edge of the photograph, to count as cut off
_FILLS = 0.92  # of both sides of the photograph


@dataclass(frozen=True)
class Lesion:
    """One lesion that was found."""

    box: Box  # pixels of the upright photograph
    area: float  # square pixels


@dataclass(frozen=True)
class Finding:
    """What was found in a photograph, the most prominent lesion first."""

    lesions: tuple[Lesion, ...]
    outline: np.ndarray  # float32 (h, w) in [0, 1]: share of each cell of ``frame`` that is lesion
    frame: Frame
    at_edge: bool = False  # the first lesion is cut off by the photograph's edge
    fills: bool = False  # the first lesion fills the photograph
    overview: np.ndarray | None = None  # as the outline, in a frame of the whole photograph


def find_lesions(image: Image.Image, segment: Segment) -> Finding:
    """Find the lesions of an RGB photograph.

    Prominent is what is large and near the middle.
    """
    frame = Frame.whole(*image.size)
    outline = overview = _outline(image, frame, segment)
    lesions = _lesions(outline, frame, image.size)
    if not lesions:
        return Finding((), outline, frame, overview=overview)
    x0, y0, x1, y1 = lesions[0].box
    if max(x1 - x0, y1 - y0) < _SMALL * frame.side:
        near = Frame.around(lesions[0].box, _SECOND_LOOK)
        sharper = _outline(image, near, segment)
        if again := _lesions(sharper, near, image.size):
            lesions, outline, frame = [again[0], *lesions[1:]], sharper, near
    first = lesions[0]
    large = [one for one in lesions[1:] if one.area >= _SECOND_LESION * first.area]
    return Finding(
        (first, *large),
        outline,
        frame,
        _at_edge(outline, frame, image.size),
        _fills(first.box, image.size),
        overview,
    )


def _outline(image: Image.Image, frame: Frame, segment: Segment) -> np.ndarray:
    square = np.asarray(crop_frame(image, frame, FINDER_SIDE), np.float32)
    return aligned_mean(segment(np.concatenate(list(tta_views(square[None], _VIEWS)))))


def _lesions(outline: np.ndarray, frame: Frame, size: tuple[int, int]) -> list[Lesion]:
    """Connected cells that are more lesion than not, in the order of their prominence."""
    from scipy import ndimage  # takes a while, which networks that see whole photographs do without

    fine = _upsampled(outline)
    labels, count = ndimage.label(fine > 0.5)
    if not count:
        return []
    cell = frame.side / _FINE
    left, top = frame.box[:2]
    lesions = []
    numbers = range(1, count + 1)
    evidence = ndimage.sum(fine * _centre_weights(), labels, numbers)
    areas = ndimage.sum(labels > 0, labels, numbers)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels)):
        box = (
            max(left + columns.start * cell, 0.0),
            max(top + rows.start * cell, 0.0),
            min(left + columns.stop * cell, float(size[0])),
            min(top + rows.stop * cell, float(size[1])),
        )
        # A mirrored copy beyond the photograph is no lesion.
        inside = box[0] < box[2] and box[1] < box[3]
        if inside and areas[number] >= _FEWEST * _FINE**2:
            lesions.append((evidence[number], Lesion(box, float(areas[number]) * cell**2)))
    return [lesion for _, lesion in sorted(lesions, key=lambda pair: -pair[0])]


def _upsampled(outline: np.ndarray) -> np.ndarray:
    image = Image.fromarray(outline.astype(np.float32))
    return np.asarray(image.resize((_FINE, _FINE), Image.Resampling.BILINEAR))


def _centre_weights() -> np.ndarray:
    distance = (np.arange(_FINE) - (_FINE - 1) / 2) / (_CENTRED * _FINE)
    weight = np.exp(-(distance**2) / 2)
    return weight[:, None] * weight


def _at_edge(outline: np.ndarray, frame: Frame, size: tuple[int, int]) -> bool:
    """Whether the lesion runs along an edge of the photograph for more than a touch."""
    fine = _upsampled(outline) > 0.5
    cell = frame.side / _FINE
    left, top = frame.box[:2]
    columns = np.array([-left, size[0] - left]) / cell
    rows = np.array([-top, size[1] - top]) / cell
    found = max(fine.any(axis=0).sum(), fine.any(axis=1).sum())
    lines: Sequence[np.ndarray] = [
        fine[:, int(np.clip(columns[0] + 1, 0, _FINE - 1))],
        fine[:, int(np.clip(columns[1] - 2, 0, _FINE - 1))],
        fine[int(np.clip(rows[0] + 1, 0, _FINE - 1))],
        fine[int(np.clip(rows[1] - 2, 0, _FINE - 1))],
    ]
    inside = [columns[0] > -2, columns[1] < _FINE + 2, rows[0] > -2, rows[1] < _FINE + 2]
    return any(
        line.sum() > _TOUCHES * found for line, is_in in zip(lines, inside, strict=True) if is_in
    )


def _fills(box: Box, size: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = box
    return x1 - x0 >= _FILLS * size[0] and y1 - y0 >= _FILLS * size[1]


@dataclass(frozen=True)
class LesionFinder:
    """A loaded finder. Safe to use from many threads."""

    segment: Segment
    file: Path
    sha256: str

    @classmethod
    def load(cls, file: Path) -> "LesionFinder":
        """Load a ``.tflite`` file through LiteRT or a ``.keras`` file through Keras."""
        load = _litert_segment if file.suffix == ".tflite" else _keras_segment
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return cls(load(file), file, sha256)

    def find(self, image: Image.Image) -> Finding:
        """Find the lesions of an RGB photograph."""
        return find_lesions(image, self.segment)

    def boxes(self, paths: Sequence[Path], *, cache_dir: Path) -> np.ndarray:
        """The box of the most prominent lesion of each file, to train on: float32 (N, 4).

        Where none is found it is the whole photograph. Boxes are kept in ``cache_dir`` until a
        file or the finder changes.
        """

        def find() -> np.ndarray:
            with ThreadPoolExecutor() as pool:
                found = pool.map(lambda path: self._box(read_image(path)), paths)
                return np.array(list(tqdm(found, total=len(paths), desc="Finding lesions")))

        settings = {"finder": self.sha256}
        return cached_array("boxes", paths, settings, find, cache_dir=cache_dir)

    def _box(self, image: Image.Image) -> Box:
        found = self.find(image).lesions
        return found[0].box if found else (0.0, 0.0, *map(float, image.size))


def _litert_segment(file: Path) -> Segment:
    from ai_edge_litert.interpreter import Interpreter

    with without_notices():
        interpreter = Interpreter(str(file), num_threads=2)
        interpreter.allocate_tensors()
    run, lock = interpreter.get_signature_runner("segment"), threading.Lock()

    def segment(views: np.ndarray) -> np.ndarray:
        with lock:  # an interpreter is of one thread at a time
            return run(images=views)["shares"]

    return segment


def _keras_segment(file: Path) -> Segment:
    from model.networks.network import open_saved

    network = open_saved(file)

    def segment(views: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-network.predict_on_batch(views)[..., 0]))

    return segment
