"""From a photograph to its lesions, and to the square frames around them that the network sees.

The finder's outline is averaged over all eight right-angle views, so that turning or mirroring a
photograph turns and mirrors what is found. Where the lesion is small, a second pass on a narrower
frame outlines it more sharply.
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
from model.environment import without_notices
from model.errors import BoxError
from model.frame import FINDER_SIDE, Box, Frame, check_box, crop_frame
from model.image import ImagePreprocessor, read_image
from model.inference.tta import aligned_mean, tta_views

Segment = Callable[[np.ndarray], np.ndarray]
"""Gives the share of each cell that is lesion, (B, h, w) in [0, 1], of views (B, side, side, 3)."""

NO_LESION, SEVERAL_LESIONS, LESION_AT_EDGE = "no_lesion", "several_lesions", "lesion_at_edge"

_VIEWS = 8  # of test-time augmentation: all quarter turns and mirror images
_FINE = 224  # cells along each side in which outlines are measured
_SMALL = 0.3  # of the photograph's longer side: a smaller lesion gets a second pass
_SECOND_PASS = 2.5  # its frame, in multiples of the lesion's longer side
_FEWEST = 0.0004  # of the frame's area; less is a speck
_SECOND_LESION = 0.15  # of the first one's area, for a further lesion to be worth a warning
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

    Large ones near the middle come first.
    """
    frame = Frame.whole(*image.size)
    outline = overview = _outline(image, frame, segment)
    lesions = _lesions(outline, frame, image.size)
    if not lesions:
        return Finding((), outline, frame, overview=overview)
    x0, y0, x1, y1 = lesions[0].box
    if max(x1 - x0, y1 - y0) < _SMALL * frame.side:
        near = Frame.around(lesions[0].box, _SECOND_PASS)
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
        x0, x1 = _edges(fine[rows].max(axis=0), columns)
        y0, y1 = _edges(fine[:, columns].max(axis=1), rows)
        box = (
            max(left + x0 * cell, 0.0),
            max(top + y0 * cell, 0.0),
            min(left + x1 * cell, float(size[0])),
            min(top + y1 * cell, float(size[1])),
        )
        # A mirrored copy beyond the photograph is no lesion.
        inside = box[0] < box[2] and box[1] < box[3]
        if inside and areas[number] >= _FEWEST * _FINE**2:
            lesions.append((evidence[number], Lesion(box, float(areas[number]) * cell**2)))
    return [lesion for _, lesion in sorted(lesions, key=lambda pair: -pair[0])]


def _edges(shares: np.ndarray, inside: slice) -> tuple[float, float]:
    """Where a lesion begins and ends along an axis, in cells, given the largest share at each.

    Interpolated between the centres of cells: were it the cells' borders, a change of the outline
    too small to see could move the frame by a pixel.
    """

    def crossing(last: int, beyond: int) -> float:
        if not 0 <= beyond < len(shares):
            return float(max(last, beyond))  # cut off by the frame
        within, outside = float(shares[last]), min(float(shares[beyond]), 0.5)
        return last + 0.5 + (beyond - last) * (within - 0.5) / (within - outside)

    return crossing(inside.start, inside.start - 1), crossing(inside.stop - 1, inside.stop)


def _upsampled(outline: np.ndarray) -> np.ndarray:
    image = Image.fromarray(outline.astype(np.float32))
    return np.asarray(image.resize((_FINE, _FINE), Image.Resampling.BILINEAR))


def _centre_weights() -> np.ndarray:
    distance = (np.arange(_FINE) - (_FINE - 1) / 2) / (_CENTRED * _FINE)
    weight = np.exp(-(distance**2) / 2)
    return weight[:, None] * weight


def _at_edge(outline: np.ndarray, frame: Frame, size: tuple[int, int]) -> bool:
    """Whether the photograph's edge cuts the lesion off, for more than a touch."""
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
        with lock:  # an interpreter is not thread-safe
            return run(images=views)["shares"]

    return segment


def _keras_segment(file: Path) -> Segment:
    from model.networks.network import open_saved

    network = open_saved(file)

    def segment(views: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-network.predict_on_batch(views)[..., 0]))

    return segment


@dataclass(frozen=True)
class Framed:
    """A photograph, prepared for the network."""

    squares: np.ndarray  # uint8 (S, side, side, 3), one per scale
    frame: Frame | None = None  # of the first square; None where the whole photograph is squeezed
    box: Box | None = None  # of the lesion, pixels of the upright photograph
    finding: Finding | None = None  # None where the box was given, or the bundle has no finder
    whole: np.ndarray | None = None  # uint8 (side, side, 3), the whole photograph beside frames

    @property
    def lesions(self) -> int:
        """How many were found, or 1 where a box was given."""
        return len(self.finding.lesions) if self.finding else int(self.box is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the lesion, by key."""
        if self.finding is None:
            return ()
        found = {
            NO_LESION: not self.finding.lesions,
            SEVERAL_LESIONS: len(self.finding.lesions) > 1,
            LESION_AT_EDGE: self.finding.at_edge and not self.finding.fills,
        }
        return tuple(key for key, holds in found.items() if holds)


def frame_photograph(
    image: Image.Image,
    preprocessor: ImagePreprocessor,
    finder: LesionFinder | None,
    *,
    box: Box | None = None,
) -> Framed:
    """Prepare an RGB photograph.

    The lesion is the one of ``box``, else the most prominent that the finder finds. Where none is
    found, or it fills the photograph, the frame is the whole photograph.

    Raises:
        BoxError: a box without area or outside the photograph, or one for a network that sees
            the whole photograph.
    """
    if not preprocessor.frame_scales:
        if box is not None:
            raise BoxError(
                "this network sees the whole photograph and takes no box. Leave it out, or use "
                "a bundle with a lesion finder."
            )
        return Framed(preprocessor(image)[None])
    finding = None
    if box is None:
        finding = finder.find(image)
        box = finding.lesions[0].box if finding.lesions else None
        whole = box is None or finding.fills
    else:
        box, whole = check_box(box, *image.size), False
    frames = [
        Frame.whole(*image.size) if whole else Frame.around(box, scale)
        for scale in preprocessor.frame_scales
    ]
    crops = [
        np.asarray(crop_frame(image, frame, preprocessor.side))
        for frame in (*frames, Frame.whole(*image.size))
    ]
    return Framed(np.stack(crops[:-1]), frames[0], box, finding, whole=crops[-1])


def on_photograph(cells: np.ndarray, frame: Frame, size: tuple[int, int]) -> np.ndarray:
    """Draw a map of a frame (h, w) back on its photograph: float32 (height, width).

    ``size`` is the photograph's width and height; outside the frame the map is 0.
    """
    x0, y0, x1, y1 = frame.box
    corner = round(x0), round(y0)
    side = max(round(x1) - corner[0], 1), max(round(y1) - corner[1], 1)
    large = Image.fromarray(cells.astype(np.float32)).resize(side, Image.Resampling.BICUBIC)
    drawn = Image.new("F", size)
    drawn.paste(large, corner)
    return np.asarray(drawn).clip(0, 1)
