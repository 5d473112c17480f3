"""The one image preprocessing, shared by training and serving.

A photograph is decoded, turned upright, put into RGB, freed of the black border that some
dermatoscopes leave, brought to a square and resized once.
"""

import struct
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from model.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from model.dicom_pixels import DicomPhotograph

_PILLOWS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
FORMATS = (*_PILLOWS, "DICOM")
"""Accepted by content, whatever the file is called."""

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".dcm")
MAX_PIXELS = 100_000_000
"""As the file states them."""

MAX_DECODED = 40_000_000
"""Pixels that are decoded. Large JPEGs are reduced on the way, other formats are not."""

MIN_SIDE = 32  # pixels; less shows no dermoscopic structure

# How files begin, at some offset: accepted formats first, then what visitors take for photographs.
_BEGINNINGS = (
    (128, b"DICM", "DICOM"),  # whatever the preamble before it looks like
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (8, b"CR\x02", "camera RAW"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "SVG or other XML"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypcrx", "camera RAW"),
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (0, b"FUJIFILMCCD-RAW", "camera RAW"),
    (0, b"IIRO", "camera RAW"),
    (0, b"IIU\0", "camera RAW"),
)
_REMEDIES = {
    "HEIC": "On an iPhone choose Settings, Camera, Formats, Most Compatible; convert a folder with "
    "ImageMagick: magick mogrify -format jpg *.heic",
    "camera RAW": "It holds a preview and unprocessed sensor data. Export it as JPEG.",
}
HEAD = 160
"""Bytes of a file that tell its kind."""

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

# Of TIFF.
_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_IFDS, _DNG = 254, 262, 330, 50_706
_ORIENTATION = 274
_RAW_DATA = (32_803, 34_892)  # colour filter array, linear raw
_RANGE_TAGS = ((340, 341), (280, 281))  # lowest and highest sample

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
    frame_scales: tuple[float, ...] = ()
    """Sides of the squares around the lesion that are seen, in multiples of its longer side.

    Empty for a network that sees the whole photograph. Frames keep border and proportions.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_scales", tuple(self.frame_scales))  # a list in JSON
        if self.aspect not in ASPECTS:
            raise ConfigError(f"aspect is {self.aspect!r}; it must be one of {', '.join(ASPECTS)}.")

    @property
    def settings(self) -> dict[str, object]:
        """What prepared images depend on, as the cache's key; frames only where there are any."""
        return {name: value for name, value in asdict(self).items() if value != ()}

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

    Transparency is laid on white and greys of more bits are scaled by their stated range. Nothing
    else that the file holds, such as EXIF, is kept. Decoders of other formats are never run.

    Raises:
        ImageError: not an image, not an accepted format, damaged, or of an unusable size.
    """
    name = Path(str(getattr(file, "name", "the upload"))).name
    try:
        with opened(file) as stream:
            head = stream.read(HEAD)
            refuse_other_kinds(head, name)
            stream.seek(0)
            if content_kind(head) == "DICOM":
                return _read_dicom(stream, name)
            with Image.open(stream, formats=_PILLOWS) as image:
                _refuse_raw(image, name)
                _check_before_decoding(image, name)
                # Lets the JPEG decoder shrink a very large photograph while it reads it.
                image.draft("RGB", (2048, 2048))
                _check_decoded(image, name)
                image.load()
                return to_rgb(_in_stated_range(image, name))
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
    head = stream.read(HEAD)
    stream.seek(0)
    return content_kind(head) == "DICOM"


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


def content_kind(head: bytes) -> str | None:
    """What a file is by its first ``HEAD`` bytes: one of ``FORMATS``, another kind, or None."""
    kinds = (kind for at, start, kind in _BEGINNINGS if head.startswith(start, at))
    return next(kinds, None)


def refuse_other_kinds(head: bytes, name: str) -> None:
    """Refuse what is recognized and not read.

    Raises:
        ImageError: naming the kind and how to get a photograph that is read.
    """
    kind = content_kind(head)
    if kind is not None and kind not in FORMATS:
        remedy = _REMEDIES.get(kind, "")
        raise ImageError(
            f"{name} is {kind}. Save it as one of {', '.join(FORMATS)}. {remedy}".strip()
        )


def _refuse_raw(image: Image.Image, name: str) -> None:
    """A TIFF that states a camera's raw data, of which Pillow would show a small preview."""
    tags = getattr(image, "tag_v2", {})
    if _DNG in tags or tags.get(_PHOTOMETRIC) in _RAW_DATA or _states_preview(tags):
        raise ImageError(
            f"{name} is camera RAW. Save it as one of {', '.join(FORMATS)}. "
            f"{_REMEDIES['camera RAW']}"
        )


def _states_preview(tags: Mapping[int, object]) -> bool:
    return bool(tags.get(_NEW_SUBFILE_TYPE, 0) & 1) and _SUB_IFDS in tags


def _in_stated_range(image: Image.Image, name: str) -> Image.Image:
    """Scale greys of more than 8 bits by the range that the file states.

    Raises:
        ImageError: it states none and does not use that of its format.
    """
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    pixels = np.asarray(image, np.float64)
    low, high = _stated_range(image)
    if high is None or not np.isfinite(pixels).all() or pixels.max() > high or pixels.min() < low:
        raise ImageError(
            f"{name} has {image.mode} pixels from {np.nanmin(pixels):g} to {np.nanmax(pixels):g} "
            "and does not say which of them are black and white. Save it with 8 bits a channel."
        )
    scaled = (pixels - low) / (high - low) * 255
    grey = Image.fromarray(scaled.round().astype(np.uint8))
    with suppress(*_DECODE_ERRORS):  # damaged EXIF states no orientation
        grey.getexif().update({_ORIENTATION: image.getexif().get(_ORIENTATION, 1)})
    return grey


def _stated_range(image: Image.Image) -> tuple[float, float | None]:
    """Values of black and white; white is None where that is unknown."""
    tags = getattr(image, "tag_v2", {})
    for lowest, highest in _RANGE_TAGS:
        if highest in tags:
            low, high = (_number(tags.get(tag, 0)) for tag in (lowest, highest))
            return low, high if high > low else None
    is_16_bit = image.mode.startswith("I;16") or image.format == "PNG"
    # Sensors of 10 to 14 bits in 16 use a corner of the range, and do not say so.
    return 0, 65_535 if is_16_bit and np.asarray(image).max() > 16_383 else None


def _number(value: object) -> float:
    return float(value[0] if isinstance(value, tuple) else value)


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


# What turns a photograph upright, by the orientation that its EXIF states.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_rgb(image: Image.Image) -> Image.Image:
    """Give a loaded image as upright 8-bit sRGB.

    16-bit greys are scaled to 8 bits, transparency is laid on white.
    """
    turn = _TURNS.get(_orientation(image))
    image = _in_srgb(_in_8_bits(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    # Pillow would write a comment or a profile that is left here into whatever is saved of it.
    image.info = {}
    return image


def _orientation(image: Image.Image) -> object:
    """As EXIF states it. A photograph with damaged EXIF stays as it is stored."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, OverflowError):
        return None


def _in_8_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    grey = np.nan_to_num(np.asarray(image, np.float32))
    return Image.fromarray((grey / (257 if grey.max() > 255 else 1)).clip(0, 255).astype("u1"))


def _in_srgb(image: Image.Image) -> Image.Image:
    """Apply the file's colour profile; one that is damaged or of another kind is ignored."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
