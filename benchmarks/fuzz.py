"""Mutated photographs: each is read or refused in a sentence, none crashes or hangs.

    python benchmarks/fuzz.py
    python benchmarks/fuzz.py --count 1000 --first 20000    # other ones

Drawn photographs of every accepted format and colour mode, and a few of formats that are refused,
are damaged: bits flipped, bytes set to extremes, pieces cut, doubled, moved or taken from another
file. The number of a mutant is its seed. Each goes where an upload goes. A mutant that takes more
than ten seconds ends the run and shows where it hangs. Expect two minutes for 20,000.
"""

import argparse
import faulthandler
import os
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from PIL import Image, ImageCms

from benchmarks.measuring import machine, save
from model.errors import ImageError
from model.image import ImagePreprocessor, read_image
from tests.drawings import draw_lesion

HANG = 10.0  # seconds
_EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFF)
_NUMBERS = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def main() -> None:
    """Run, print and save; the exit status is 1 if anything but a refusal came out."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--first", type=int, default=0, help="number of the first mutant")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")  # of Pillow, about damage
    report = machine() | {"mutants": chosen.count, "first": chosen.first}
    files = originals()
    ends, times = {}, {}
    with quiet_decoders() as console:
        for number in range(chosen.first, chosen.first + chosen.count):
            faulthandler.dump_traceback_later(HANG, exit=True, file=console)
            start = time.perf_counter()
            ends[number] = outcome(mutant(files, number))
            times[number] = time.perf_counter() - start
        faulthandler.cancel_dump_traceback_later()
    uncaught = [f"{n}: {end}" for n, end in ends.items() if end not in ("read", "refused")]
    counts = Counter(ends.values())
    slowest = max(times, key=times.get)
    report |= {"read": counts["read"], "refused": counts["refused"], "uncaught": len(uncaught)}
    report |= {"slowest": slowest, "slowest_ms": round(1000 * times[slowest], 1)}
    report["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(*uncaught, sep="\n")
    save("fuzz", report)
    sys.exit(bool(uncaught))


@contextmanager
def quiet_decoders() -> Iterator[IO[str]]:
    """Silence what decoders written in C say of damage; gives the console for other words."""
    with os.fdopen(os.dup(2), "w") as console, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield console
        finally:
            os.dup2(console.fileno(), 2)


def outcome(content: bytes) -> str:
    """Read a file as an upload is read: "read", "refused", or the exception that got through."""
    try:
        ImagePreprocessor(32)(read_image(content))
    except ImageError:
        return "refused"
    except BaseException as error:  # noqa: BLE001  (what a fuzz run is for)
        return repr(error)
    return "read"


def originals() -> list[bytes]:
    """Sound files of all kinds, small, so that damage meets their headers."""
    lesion = draw_lesion(0, seed=1, size=(72, 54))
    exif = Image.Exif()
    exif[274], exif[271], exif[306] = 6, "maker", "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = {"exif": exif, "icc_profile": profile}
    glass = lesion.convert("RGBA")
    glass.putalpha(Image.linear_gradient("L").resize(lesion.size))
    palette = lesion.convert("P", palette=Image.Palette.ADAPTIVE)
    deep = Image.fromarray(np.asarray(lesion.convert("L"), np.uint16) * 257)
    frames = {"save_all": True, "append_images": [palette.convert("RGB"), lesion]}
    kinds = [
        *((lesion, "JPEG", o) for o in ({}, {"progressive": True}, {"subsampling": 0}, named)),
        *((lesion.convert(mode), "JPEG", {}) for mode in ("L", "CMYK")),
        *((image, "PNG", {}) for image in (lesion, glass, palette, deep, lesion.convert("1"))),
        *((lesion, "PNG", options) for options in (named, frames)),
        *((image, "WEBP", {}) for image in (lesion, glass)),
        *((lesion, "WEBP", options) for options in ({"lossless": True}, named, frames)),
        *((image, "BMP", {}) for image in (lesion, palette, lesion.convert("1"))),
        *((image, "TIFF", {}) for image in (lesion, glass, deep, palette)),
        *((lesion, "TIFF", {"compression": c}) for c in ("tiff_lzw", "jpeg", "tiff_deflate")),
        *((lesion, "TIFF", options) for options in (named, frames)),
        *((lesion, "MPO", frames), (lesion, "GIF", {}), (lesion, "TGA", {}), (lesion, "ICO", {})),
    ]
    return [_encoded(*kind) for kind in kinds]


def mutant(files: list[bytes], number: int) -> bytes:
    """Damage one of the files in one to six ways; the same number gives the same mutant."""
    rng = np.random.default_rng(number)
    content = bytearray(files[rng.integers(len(files))])
    for _ in range(min(6, rng.geometric(0.5))):
        # Headers are small: half of the damage is done to the first bytes.
        reach = min(len(content), 200) if rng.random() < 0.5 else len(content)
        if reach < 8:
            break
        at, length = int(rng.integers(reach - 4)), int(2 ** rng.uniform(0, 8))
        _DAMAGES[rng.integers(len(_DAMAGES))](content, at, length, rng, files)
    return bytes(content)


def _flip(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    content[at] ^= 1 << int(rng.integers(8))


def _set(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    content[at] = int(rng.choice(_EXTREMES))


def _number(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    order = ("big", "little")[rng.integers(2)]
    size = int(rng.choice([2, 4]))
    value = int(rng.choice(_NUMBERS)) % 256**size
    content[at : at + size] = value.to_bytes(size, order)


def _noise(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    content[at : at + length] = rng.bytes(length)


def _cut(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    del content[at : at + length]


def _end(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    del content[int(rng.integers(4, len(content))) :]


def _double(content: bytearray, at: int, length: int, rng: np.random.Generator, _: list) -> None:
    content[at:at] = content[at : at + length]


def _graft(content: bytearray, at: int, length: int, rng: np.random.Generator, files: list) -> None:
    other = files[rng.integers(len(files))]
    start = int(rng.integers(len(other)))
    content[at : at + length] = other[start : start + length]


_DAMAGES = (_flip, _flip, _set, _number, _number, _noise, _cut, _end, _double, _graft)


def _encoded(image: Image.Image, kind: str, options: dict) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
