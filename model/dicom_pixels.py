"""Decoding the one picture of a DICOM file, whose header :mod:`model.dicom` has read.

Colours of a compressed picture are those that its stream states; what the header says of them is
often wrong. Where a stream states none, the header is believed unless the picture contradicts it.
"""

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image

from model.errors import ImageError

Way = Literal["JPEG", "JPEG-LS", "JPEG 2000", "uncompressed"]


@dataclass(frozen=True)
class Syntax:
    """How a file is written."""

    way: Way
    implicit: bool = False
    big_endian: bool = False


_UID = "1.2.840.10008.1.2"
SYNTAXES = {
    _UID: Syntax("uncompressed", implicit=True),
    f"{_UID}.1": Syntax("uncompressed"),
    f"{_UID}.2": Syntax("uncompressed", big_endian=True),
    f"{_UID}.4.50": Syntax("JPEG"),
    f"{_UID}.4.80": Syntax("JPEG-LS"),
    f"{_UID}.4.81": Syntax("JPEG-LS"),
    f"{_UID}.4.90": Syntax("JPEG 2000"),
    f"{_UID}.4.91": Syntax("JPEG 2000"),
}
"""The transfer syntaxes that are read, by UID. Deflated ones are not: their header alone can be
inflated to any size."""

_UNDEFINED = 0xFFFFFFFF  # length of what is in fragments
_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_MOST_FRAGMENTS = 65_536
_ROOM = 1 << 20  # bytes by which a compressed picture may exceed the plain one
_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # of JPEG and JPEG-LS, of JPEG 2000
_FLAT = 4  # of 255; less tells nothing
_GREY = 128  # of chroma
_END_OF_STREAM = b"\xff\xd9"  # of all three


@dataclass(frozen=True)
class PixelData:
    """The element that holds the picture."""

    tag: int
    vr: str | None
    length: int
    start: int  # of its value in the file


class DicomPhotograph:
    """A photograph that is not decoded yet; ``size`` is that which it would be decoded to."""

    def __init__(
        self,
        name: str,
        *,
        size: tuple[int, int],
        samples: int,
        colours: str,
        by_plane: bool,
        syntax: Syntax,
        pixels: PixelData,
        profile: bytes | None,
        stream: BinaryIO,
    ) -> None:
        """Take what the header states; ``name`` is for errors, ``profile`` ICC's."""
        self.name, self.size, self.samples, self.colours = name, size, samples, colours
        self._by_plane, self._syntax, self._pixels = by_plane, syntax, pixels
        self._profile, self._stream = profile, stream
        self._jpeg: Image.Image | None = None

    def draft(self, side: int) -> None:
        """Let a JPEG be reduced while it is decoded, to no fewer pixels a side.

        Raises:
            ImageError: its stream is damaged, or of another size than the header states.
        """
        if self._syntax.way != "JPEG":
            return
        self._jpeg = self._opened("JPEG", self._read_stream())
        # YCbCr gives the planes as they are, and makes none where they are RGB.
        self._jpeg.draft("RGB" if _states_colours(self._jpeg) else "YCbCr", (side, side))
        self.size = self._jpeg.size

    def decode(self) -> Image.Image:
        """Give the picture in RGB or grey, upright as it is stored, with its colour profile.

        Raises:
            ImageError: damaged, cut off, or not as the header states it.
        """
        ways = {"JPEG": self._decode_jpeg, "JPEG-LS": self._decode_jpeg_ls}
        ways |= {"JPEG 2000": self._decode_jpeg_2000, "uncompressed": self._decode_plain}
        try:
            picture = ways[self._syntax.way]()
        except (OSError, SyntaxError, ValueError, LookupError, RuntimeError, struct.error) as error:
            raise self._damaged() from error
        profile = self._profile or picture.info.get("icc_profile")
        picture.info = {"icc_profile": profile} if profile else {}
        # DICOM has no orientation, and shows the picture as it is stored.
        with suppress(OSError, SyntaxError, ValueError, LookupError, TypeError, OverflowError):
            picture.getexif().clear()
        return picture

    def _decode_jpeg(self) -> Image.Image:
        if self._jpeg is None:
            self.draft(max(self.size))
        image = self._jpeg
        if image.mode == "YCbCr":
            is_ybr = self._is_ybr(image)
            return image.convert("RGB") if is_ybr else _relabelled(image, "RGB")
        image.load()
        return image

    def _decode_jpeg_2000(self) -> Image.Image:
        stream = self._read_stream()
        image = self._opened("JPEG2000", stream)
        start = stream.find(_BEGINNINGS[1])
        if not is_plainly_divided(stream, start):
            raise self._damaged("its picture is divided into too many parts")
        image.load()
        transformed = _segment(stream, start, 0x52)[4]  # to be transformed back by any decoder
        if image.mode == "RGB" and not transformed and self._is_ybr(image):
            return _relabelled(image, "YCbCr").convert("RGB")
        return image

    def _decode_jpeg_ls(self) -> Image.Image:
        from jpeg_ls import decode_pixel_data

        stream = self._read_stream()
        bits, height, width, samples = struct.unpack_from(">BHHB", _segment(stream, 0, 0xF7))
        self._require_as_stated((width, height), bits <= 8 and samples in (1, 3))
        content, about = decode_pixel_data(stream)
        if len(content) != width * height * samples:
            raise self._damaged()
        mode = "L" if samples == 1 else "RGB"
        image = self._from_samples(content, mode, by_plane=about["interleave_mode"] == 0)
        if samples == 3 and self._is_ybr(image):
            return _relabelled(image, "YCbCr").convert("RGB")
        return image

    def _decode_plain(self) -> Image.Image:
        half = self.colours == "YBR_FULL_422"
        if self.colours in ("YBR_RCT", "YBR_ICT") or (self.colours == "MONOCHROME2") != (
            self.samples == 1
        ):
            raise self._damaged("its colours and samples contradict each other")
        width, height = self.size
        expected = width * height * (2 if half else self.samples)
        if self._pixels.length not in (expected, expected + expected % 2) or (half and width % 2):
            raise self._damaged("it has more or fewer pixels than stated")
        if self._stream.seek(0, SEEK_END) < self._pixels.start + expected:
            raise self._damaged("it is cut off")
        self._stream.seek(self._pixels.start)
        content = self._stream.read(self._pixels.length)
        if self._syntax.big_endian and self._pixels.vr == "OW":
            content = np.frombuffer(content, "u2").byteswap().tobytes()
        if half:
            return _from_422(content, self.size).convert("RGB")
        mode = {"MONOCHROME2": "L", "YBR_FULL": "YCbCr"}.get(self.colours, "RGB")
        image = self._from_samples(content, mode, by_plane=self._by_plane)
        del content
        return image.convert("RGB") if mode == "YCbCr" else image

    def _from_samples(self, content: bytes, mode: str, *, by_plane: bool) -> Image.Image:
        plane = self.size[0] * self.size[1]
        if mode == "L" or not by_plane:
            samples = Image.getmodebands(mode)
            return Image.frombuffer(mode, self.size, memoryview(content)[: samples * plane])
        parts = (memoryview(content)[n * plane : (n + 1) * plane] for n in range(3))
        return Image.merge(mode, [Image.frombuffer("L", self.size, part) for part in parts])

    def _opened(self, kind: str, stream: bytes) -> Image.Image:
        try:
            image = Image.open(BytesIO(stream), formats=(kind,))
        except (OSError, SyntaxError, ValueError, LookupError, struct.error) as error:
            raise self._damaged() from error
        self._require_as_stated(image.size, image.mode in ("L", "RGB"))
        return image

    def _require_as_stated(self, size: tuple[int, int], is_photograph: bool) -> None:
        if size != self.size:
            raise self._damaged("header and picture differ in size")
        if not is_photograph:
            raise self._damaged("its picture is not of one or three samples of 8 bits")

    def _is_ybr(self, image: Image.Image) -> bool:
        stated = self.colours.startswith("YBR_FULL")
        return _looks_like_ybr(image, otherwise=stated)

    def _read_stream(self) -> bytes:
        """The compressed picture, put together from its fragments."""
        parts = self._fragments()[1:]  # the first lists where frames begin
        if not parts:
            raise self._damaged("it is cut off")
        found = []
        for start, length in parts:
            self._stream.seek(start)
            found.append(self._stream.read(length))
        found = [part for part in found if part]
        if any(part.startswith(_BEGINNINGS) for part in found[1:]):
            raise ImageError(f"{self.name} is DICOM with several frames. Export one of them.")
        joined = found[0] if len(found) == 1 else b"".join(found)
        if joined.rfind(_END_OF_STREAM) < 0:
            raise self._damaged("it is cut off")
        return joined

    def _fragments(self) -> list[tuple[int, int]]:
        """Start and length of each."""
        most = 3 * self.size[0] * self.size[1] + _ROOM
        if self._pixels.length != _UNDEFINED:
            raise self._damaged()
        parts, at, end = [], self._pixels.start, self._stream.seek(0, SEEK_END)
        while len(parts) <= _MOST_FRAGMENTS:
            self._stream.seek(at)
            header = self._stream.read(8)
            if len(header) < 8:
                break
            group, element, length = struct.unpack("<HHI", header)
            if (group, element) == _END:
                return parts
            parts.append((at + 8, length))
            at += 8 + length
            if (group, element) != _ITEM or at - self._pixels.start > most:
                raise self._damaged()
            if at > end:
                break
        raise self._damaged("it is cut off")

    def _damaged(self, how: str = "its picture cannot be decoded") -> ImageError:
        return ImageError(f"{self.name} is DICOM, but damaged: {how}. Export the photograph again.")


def _states_colours(jpeg: Image.Image) -> bool:
    """Whether a JPEG tells what its three planes are; decoders guess YCbCr of one that does not."""
    marked = "jfif" in jpeg.info or "adobe" in jpeg.info
    letters = bytes(plane[0] for plane in jpeg.layer) == b"RGB"
    return jpeg.mode != "RGB" or marked or letters


def _looks_like_ybr(image: Image.Image, *, otherwise: bool) -> bool:
    """Guess from their values whether three planes are luma and chroma; ``otherwise`` if unclear.

    Chroma varies less than luma; that of skin is above grey in red and below it in blue. Green and
    blue vary like red, and skin is more green than blue, but for pink and violet.
    """
    small = image.resize((64, 64), Image.Resampling.BOX)
    planes = np.asarray(_relabelled(small, "RGB"), float).reshape(-1, 3)
    spread, means = planes.std(axis=0), planes.mean(axis=0)
    order = means[2] - means[1]
    is_flat = spread.max() < _FLAT
    share = max(spread[1:]) / max(spread[0], 1e-9)
    if means[1] < _GREY < means[2] and order > _FLAT and (is_flat or share < 0.6):
        return True
    if order < -_FLAT and (is_flat or share > 0.75):
        return False
    return otherwise


def _relabelled(image: Image.Image, mode: str) -> Image.Image:
    """The same three planes, taken for those of another mode."""
    return image if image.mode == mode else Image.merge(mode, image.split())


def _from_422(content: bytes, size: tuple[int, int]) -> Image.Image:
    """YCbCr of which two neighbours share their chroma: Y, Y, Cb, Cr."""
    width, height = size
    pairs = np.frombuffer(content, np.uint8, width * height * 2).reshape(height, width // 2, 4)
    luma = np.ascontiguousarray(pairs[..., :2]).reshape(height, width)
    chroma = (np.repeat(pairs[..., n], 2, axis=1) for n in (2, 3))
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in (luma, *chroma)])


def _segment(stream: bytes, start: int, marker: int) -> bytes:
    """What follows the first marker FF ``marker`` of the stream's header.

    Raises:
        ValueError: the header ends without one.
    """
    at = start + 2
    while start >= 0 and at + 4 <= len(stream) and stream[at] == 0xFF:
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] == marker:
            return stream[at + 4 : at + 2 + length]
        if length < 2 or stream[at + 1] in (0xDA, 0x90):  # the picture begins
            break
        at += 2 + length
    raise ValueError(f"no marker FF{marker:02X}")


# Markers of JPEG 2000 that divide a picture, as in ITU-T T.800, annex A. A decoder lays out every
# tile, precinct and code block before it reads one, so that a file of a kilobyte could ask for
# gigabytes.
_SIZE, _STYLE, _COMPONENT_STYLE = 0x51, 0x52, 0x53
_TILE_PART, _DATA, _END_OF_CODESTREAM = 0x90, 0x93, 0xD9
_TILE_PIXELS = 64 * 64  # of a tile, or samples of a precinct; encoders write larger ones
_FEW_TILES = 1_024  # which any picture may have
_MOST_INCLUDED = 8_000_000  # precincts times layers
_CODE_BLOCK = 8  # exponent of the least number of coefficients, 16 x 16


def is_plainly_divided(stream: bytes, start: int) -> bool:
    """Whether the JPEG 2000 code stream at ``start`` has no more parts than encoders write.

    Raises:
        ValueError, IndexError, struct.error: its headers are damaged.
    """
    tiles, most = 0, 0
    for marker, body in _headers(stream, start):
        if marker == _SIZE:
            width, height, _, _, *tile, left, top, planes = struct.unpack_from(">8IH", body, 2)
            if not (tile[0] > 0 and tile[1] > 0):
                return False
            tiles = math.ceil((width - left) / tile[0]) * math.ceil((height - top) / tile[1])
            most = max(_FEW_TILES, width * height // _TILE_PIXELS)
            continue
        if marker == _STYLE:
            style, settings, layers = body[0], body[5:], int.from_bytes(body[2:4], "big")
        else:
            at = 1 if planes < 257 else 2  # behind the component's number
            style, settings, layers = body[at], body[at + 1 :], 1
        precincts = tiles * planes * _precincts(style, settings, tile)
        blocks = 4 + (settings[1] & 15) + (settings[2] & 15)
        if precincts > 4 * most or precincts * layers > _MOST_INCLUDED or blocks < _CODE_BLOCK:
            return False
    return 0 < tiles <= most


def _headers(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The markers that divide, of the main header and of every tile part, and what they hold."""
    at, next_part = start + 2, len(stream)
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != _END_OF_CODESTREAM:
        marker = stream[at + 1]
        if marker == _DATA:
            at = next_part
            continue
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        body = stream[at + 4 : at + 2 + length]
        if marker == _TILE_PART:
            part_length = int.from_bytes(body[2:6], "big")  # 0: it is the last one
            next_part = at + max(part_length, 2 + length) if part_length else len(stream)
        elif marker in (_SIZE, _STYLE, _COMPONENT_STYLE):
            yield marker, body
        at += 2 + max(length, 2)


def _precincts(style: int, settings: bytes, tile: list[int]) -> int:
    """Of all resolutions of one component of a tile."""
    levels = settings[0]
    exponents = settings[5 : 6 + levels] if style & 1 else b"\xff" * (levels + 1)
    found = 0
    for resolution, exponent in enumerate(exponents):
        wide, high = (math.ceil(side / 2 ** (levels - resolution)) for side in tile)
        found += math.ceil(wide / 2 ** (exponent & 15)) * math.ceil(high / 2 ** (exponent >> 4))
    return found
