"""The one image preprocessing, shared by training and serving.

A photograph is decoded, turned upright, put into RGB, freed of the black border that some
dermatoscopes leave, brought to a square and resized once.
"""

import struct
import zlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from model.colour import to_rgb
from model.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from model.dicom_pixels import DicomPhotograph

_PILLOWS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
FORMATS = (*_PILLOWS, "DICOM")
"""Accepted by content, whatever the file is called."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".dcm")
MAX_PIXELS = 100_000_000
"""As the file states them."""

MAX_DECODED = 40_000_000
"""Pixels that are decoded. Large JPEGs are reduced on the way, other formats are not."""

MIN_SIDE = 32  # pixels; less shows no dermoscopic structure

# How files begin that visitors take for photographs, which get an error of their own.
_OTHER_FORMATS = {
    b"GIF8": "GIF",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "SVG or other XML",
    b"ftypavif": "AVIF",
    b"ftypheic": "HEIC",
    b"ftypheix": "HEIC",
    b"ftypmif1": "HEIC",
}
_OFFSETS = (0, 4)  # at which the above may stand

# What Pillow's decoders raise on damaged files, found by reading and by mutating files.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
)

_DARK = 40  # of 255; the border of a dermatoscope's tube is darker than any skin here
_BRIGHT_SHARE = 0.1  # of a row or column, for it to belong to the photograph


ASPECTS = ("squeeze", "pad", "centre-crop")
"""How a photograph becomes square: its proportions are given up, black bars are added at its
shorter sides, or its longer sides are cut off."""


@dataclass(frozen=True)
class ImagePreprocessor:
    """Turns a photograph into the network's first input. Its fields travel in the bundle.

    Raises:
        ConfigError: on building, when ``aspect`` is no known policy.
    """

    side: int  # pixels, of the square that the network sees
    crop_border: bool = True
    aspect: str = "squeeze"  # one of ASPECTS

    def __post_init__(self) -> None:
        if self.aspect not in ASPECTS:
            raise ConfigError(f"aspect is {self.aspect!r}; it must be one of {', '.join(ASPECTS)}.")

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Prepare an RGB image of any size: uint8 in [0, 255], shape (side, side, 3).

        Shrinking averages areas, so that an original and its reduced copy come out alike; growing
        is bilinear.
        """
        if self.crop_border:
            image = image.crop(bright_box(image))
        return np.asarray(self.fit(image))

    def fit(self, image: Image.Image, method: Image.Resampling | None = None) -> Image.Image:
        """Bring an image to the square by the aspect policy, borders not cropped.

        ``method`` is of resampling, for what is no photograph, such as a lesion's outline.
        """
        square = (self.side, self.side)
        limiting = max(image.size) if self.aspect == "pad" else min(image.size)
        if method is None:
            shrinks = limiting >= self.side
            method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
        if self.aspect == "pad":
            return ImageOps.pad(image, square, method)
        if self.aspect == "centre-crop":
            return ImageOps.fit(image, square, method)
        return image.resize(square, method)

    def load(self, file: Path | BinaryIO | bytes) -> np.ndarray:
        """Read a file and prepare it.

        Raises:
            ImageError: the file cannot be read as a photograph.
        """
        return self(read_image(file))


def read_image(file: Path | BinaryIO | bytes) -> Image.Image:
    """Decode a photograph, upright and in sRGB; of several frames the first.

    Transparency is laid on white and 16-bit greys are scaled to 8 bits. Nothing else that the file
    holds, such as EXIF, is kept. Decoders of other formats are never run.

    Raises:
        ImageError: not an image, not an accepted format, damaged, or of an unusable size.
    """
    name = Path(str(getattr(file, "name", "the upload"))).name
    try:
        with opened(file) as stream:
            if is_dicom(stream):
                return _read_dicom(stream, name)
            _refuse_others(stream, name)
            with Image.open(stream, formats=_PILLOWS) as image:
                _check_before_decoding(image, name)
                # Lets the JPEG decoder shrink a very large photograph while it reads it.
                image.draft("RGB", (2048, 2048))
                _check_decoded(image, name)
                image.load()
                return to_rgb(image)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_many(name)) from error
    except _DECODE_ERRORS as error:
        raise ImageError(
            f"{name} cannot be read as an image: it is damaged or not one of "
            f"{', '.join(FORMATS)}. Save the photograph again as JPEG or PNG."
        ) from error


def stored_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as the file's header states them; (0, 0) if it is no image."""
    try:
        with path.open("rb") as stream:
            if is_dicom(stream):
                return _open_dicom(stream, path.name).size
            with Image.open(stream, formats=_PILLOWS) as image:
                return image.size
    except (*_DECODE_ERRORS, ImageError):
        return 0, 0


def bright_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Find the box (left, upper, right, lower) of the photograph inside a black border.

    Rows and columns at the edge belong to the border when under a tenth of their pixels is
    brighter than the dark tube of a dermatoscope. A photograph that is dark all over is kept whole.
    """
    bright = np.asarray(image.convert("L")) > _DARK
    rows = np.flatnonzero(bright.mean(axis=1) > _BRIGHT_SHARE)
    columns = np.flatnonzero(bright.mean(axis=0) > _BRIGHT_SHARE)
    if len(rows) < MIN_SIDE // 2 or len(columns) < MIN_SIDE // 2:
        return (0, 0, *image.size)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def is_dicom(stream: BinaryIO) -> bool:
    """Whether a file begins as DICOM; it is left at its beginning."""
    stream.seek(0)
    head = stream.read(132)
    stream.seek(0)
    return head[128:] == b"DICM"


def _read_dicom(stream: BinaryIO, name: str) -> Image.Image:
    image = _open_dicom(stream, name)
    _check_before_decoding(image, name)
    image.draft(2048)
    _check_decoded(image, name)
    return to_rgb(image.decode())


def _open_dicom(stream: BinaryIO, name: str) -> "DicomPhotograph":
    from model.dicom import open_dicom  # pydicom is loaded where a DICOM file comes, not before

    return open_dicom(stream, name)


def opened(file: Path | BinaryIO | bytes) -> AbstractContextManager[BinaryIO]:
    """The file as a stream, closed again if it was opened here."""
    if isinstance(file, bytes):
        return BytesIO(file)
    return file.open("rb") if isinstance(file, Path) else nullcontext(file)


def _refuse_others(stream: BinaryIO, name: str) -> None:
    head = stream.read(max(_OFFSETS) + 16)
    stream.seek(0)
    for start, kind in _OTHER_FORMATS.items():
        if any(head.startswith(start, offset) for offset in _OFFSETS):
            raise ImageError(f"{name} is {kind}. Save it as one of {', '.join(FORMATS)}.")


def _check_before_decoding(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(_too_many(name))
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"{name} has {width} x {height} pixels; each side needs at least {MIN_SIDE}. "
            "Use a larger copy of the photograph."
        )


def _too_many(name: str) -> str:
    return (
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels. "
        "Reduce it and try again; 1,000 pixels a side are plenty."
    )


def _check_decoded(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_DECODED:
        raise ImageError(
            f"{name} would be decoded to {width} x {height} pixels, more than "
            f"{MAX_DECODED // 10**6} million. Reduce it, or save it as JPEG."
        )
