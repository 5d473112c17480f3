"""A lesion finder that takes darkness for lesion, photographs for it, and studies it frames."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from model.image import ImagePreprocessor, read_image
from model.inference.bundle import RELEASED, read_manifest
from model.inference.finder import LesionFinder, frame_photograph
from tests.fakes.study import FakeStudy

SCALES = ImagePreprocessor(32, frame_scales=(1.2, 2.0))
DARK = 110  # a darker pixel is of a lesion


def dark(views):
    """Segments as a finder does."""
    small = views.reshape(len(views), 56, 2, 56, 2, 3).mean(axis=(2, 4, 5))
    return (small < DARK).astype(np.float32)


FINDER = LesionFinder(dark, None, "")


def skin(*lesions, size=(300, 200)):
    """Skin with a dark ellipse in each box."""
    image = Image.new("RGB", size, (220, 180, 160))
    for box in lesions:
        ImageDraw.Draw(image).ellipse(box, fill=(90, 60, 50))
    return image


class FramedStudy(FakeStudy):
    """Melanoma is the more probable the farther to the right the lesion lies that is looked at."""

    def __init__(self, photograph, *, box=None, **given):
        super().__init__(photograph, **given)
        self.framed = frame_photograph(photograph, SCALES, FINDER, box=box)

    @property
    def warnings(self):
        return (*super().warnings, *self.framed.warnings)

    def probabilities(self, patient):
        frame, (melanoma, *others) = self.framed.frame, self.codes
        share = 0.9 * min(max(frame.x / self.size[0], 0), 1)
        return {melanoma: share, **dict.fromkeys(others, (1 - share) / len(others))}


def framed(image, *, box=None):
    """Read the image and make its study."""
    return FramedStudy(read_image(image), box=box)


def whole_manifest():
    """The shipped bundle's facts, of a network that sees whole photographs."""
    return replace(read_manifest(RELEASED), image=ImagePreprocessor(32))


def framing_manifest():
    """The shipped bundle's facts, of a network that sees frames."""
    return replace(read_manifest(RELEASED), image=SCALES)
