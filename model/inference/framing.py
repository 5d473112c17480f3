"""From a photograph to the squares that the network sees, the lesion found on the way."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.errors import BoxError
from model.frame import Box, Frame, check_box, crop_frame
from model.image import ImagePreprocessor
from model.inference.finder import Finding, LesionFinder

NO_LESION, SEVERAL_LESIONS, LESION_AT_EDGE = "no_lesion", "several_lesions", "lesion_at_edge"


@dataclass(frozen=True)
class Framed:
    """A photograph, prepared for the network."""

    squares: np.ndarray  # uint8 (S, side, side, 3), one per scale
    frame: Frame | None = None  # of the first square; None where the whole photograph is squeezed
    box: Box | None = None  # of the lesion, pixels of the upright photograph
    finding: Finding | None = None  # None where the box was given, or the bundle has no finder

    @property
    def lesions(self) -> int:
        """How many were found, or 1 where a box was given."""
        return len(self.finding.lesions) if self.finding else int(self.box is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth a notice about the lesion, by key."""
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
                "this network looks at the whole photograph and takes no box. Leave it out, or use "
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
    crops = [crop_frame(image, frame, preprocessor.side) for frame in frames]
    return Framed(np.stack([np.asarray(crop) for crop in crops]), frames[0], box, finding)


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
