"""Into how many parts a JPEG 2000 picture is divided, which decides the memory of its decoder.

A decoder lays out every tile, precinct and code block before it reads one, so that a file of a
kilobyte could ask for gigabytes. Markers and their fields are those of ITU-T T.800, annex A.
"""

import math
import struct
from collections.abc import Iterator

_SIZE, _STYLE, _COMPONENT_STYLE = 0x51, 0x52, 0x53
_TILE_PART, _DATA, _END = 0x90, 0x93, 0xD9
_PIXELS = 64 * 64  # of a tile, or samples of a precinct; encoders write larger ones
_FEW = 1_024  # which any picture may have
_MOST_INCLUDED = 8_000_000  # precincts times layers
_CODE_BLOCK = 8  # exponent of the least number of coefficients, 16 x 16


def is_plainly_divided(stream: bytes, start: int) -> bool:
    """Whether the code stream at ``start`` has no more parts than encoders write.

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
            most = max(_FEW, width * height // _PIXELS)
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
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != _END:
        marker = stream[at + 1]
        if marker == _DATA:
            at = next_part
            continue
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        body = stream[at + 4 : at + 2 + length]
        if marker == _TILE_PART:
            said = int.from_bytes(body[2:6], "big")  # 0: it is the last one
            next_part = at + max(said, 2 + length) if said else len(stream)
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
