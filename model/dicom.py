"""The photograph in a DICOM file, and what the file says of the patient's age, sex and site.

pydicom finds the elements, and never builds more of a file than the few that are named here: names,
identifiers and further dates are skipped unread. Elements are taken as the bytes that they are,
since pydicom's conversions repeat values in warnings. Only what photographs have is accepted, and
it is checked before anything is decoded, by :mod:`model.dicom_pixels`.
"""

import logging
import re
import struct
import tomllib
import warnings
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO

from pydicom.config import IGNORE
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from model.dicom_pixels import SYNTAXES, DicomPhotograph, PixelData, Syntax
from model.errors import ImageError
from model.patient import AGE, SEX, SITE, Value

# They repeat what is in a file.
warnings.filterwarnings("ignore", module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_PHOTOGRAPHS = (
    "1.2.840.10008.5.1.4.1.1.77.1.7",  # Dermoscopic Photography
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # VL Photographic
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
)
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "MONOCHROME2")
_OF_PICTURE = (
    *("SOPClassUID", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"),
    *("BitsStored", "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration"),
    "ICCProfile",
)
_OF_PATIENT = (
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "PatientSex",
    "AnatomicRegionSequence",
)
_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # the first two hold fractions

# What a header of a photograph is far below. pydicom builds every sequence on its way, so that a
# small file could ask for any amount of memory.
_MOST_READS = 20_000
_MOST_READ = 1 << 20  # bytes
_LARGEST = 4_096  # bytes of an element that is read with the header
_LARGEST_PROFILE = 1 << 20

_HEADER_ERRORS = (
    InvalidDicomError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
    struct.error,
)

REGIONS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("anatomic_regions.toml").read_text(encoding="utf-8")
)
"""SNOMED CT code → meaning, by the challenge's site."""

SITE_OF = {code: site for site, regions in REGIONS.items() for code in regions}
"""The challenge's site by SNOMED CT code."""

_UID = re.compile(r"[0-9.]{1,64}")
_AGE = re.compile(r"(\d{3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")


def open_dicom(stream: BinaryIO, name: str) -> DicomPhotograph:
    """Read and check the header of a file that begins as DICOM; nothing is decoded.

    Raises:
        ImageError: damaged, no photograph, or one of a kind that is not read.
    """
    syntax, header, pixels = _read(stream, name, _OF_PICTURE)
    if pixels is None or pixels.tag != _PIXEL_TAGS[-1]:
        raise ImageError(
            f"{name} is DICOM without a photograph, or cut off before it. Export it again."
        )
    _refuse_other_kinds(header, name)
    colours = _text(header, "PhotometricInterpretation")
    if colours not in _COLOURS:
        raise ImageError(
            f"{name} is DICOM whose colours are not stated as one of {', '.join(_COLOURS)}. "
            "Export it as RGB, or as JPEG."
        )
    return DicomPhotograph(
        name,
        size=(_number(header, "Columns", name), _number(header, "Rows", name)),
        samples=_number(header, "SamplesPerPixel", name),
        colours=colours,
        by_plane=_number(header, "PlanarConfiguration", name, absent=0) == 1,
        syntax=syntax,
        pixels=pixels,
        profile=_profile(stream, header),
        stream=stream,
    )


def recorded_context(stream: BinaryIO, name: str) -> dict[str, Value]:
    """What a file says of its patient: known ones of age, sex and site, by the fields' keys.

    What is missing, unusable or in words that the challenge lacks is left out.

    Raises:
        ImageError: the header is damaged.
    """
    _, header, _ = _read(stream, name, _OF_PATIENT)
    found = {AGE.key: _age(header), SEX.key: _sex(header), SITE.key: _site(header)}
    return {key: value for key, value in found.items() if value is not None}


class _Bounded:
    """A file of which a limited amount can be read; what is skipped does not count."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._reads, self._bytes = stream, _MOST_READS, _MOST_READ
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        self._reads, self._bytes = self._reads - 1, self._bytes - size
        if size < 0 or self._reads < 0 or self._bytes < 0:
            raise ValueError("more header than a photograph has")
        return self._stream.read(size)


def _read(
    stream: BinaryIO, name: str, keywords: Sequence[str]
) -> tuple[Syntax, Dataset, PixelData | None]:
    """The named elements before the pixels, and where these are.

    Raises:
        ImageError: damaged, or compressed in a way that is not read.
    """
    try:
        stream.seek(132)  # behind the preamble
        file = _Bounded(stream)
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, *_: tag >> 16 != 2,
            specific_tags=[tag_for_keyword("TransferSyntaxUID")],
        )
        uid = _text(meta, "TransferSyntaxUID")
        if uid not in SYNTAXES:
            raise ImageError(
                f"{name} is DICOM, {_named(uid, 'stored in an unknown way')}, which is not read. "
                "Export it uncompressed, or as JPEG, JPEG-LS or JPEG 2000."
            )
        found: list[PixelData] = []

        def at_pixels(tag: int, vr: str | None, length: int) -> bool:
            if tag in _PIXEL_TAGS:
                found.append(PixelData(int(tag), vr, length, start=file.tell()))
            return tag in _PIXEL_TAGS

        header = read_dataset(
            file,
            is_implicit_VR=SYNTAXES[uid].implicit,
            is_little_endian=not SYNTAXES[uid].big_endian,
            stop_when=at_pixels,
            defer_size=_LARGEST,
            specific_tags=[tag_for_keyword(keyword) for keyword in keywords],
        )
        return SYNTAXES[uid], header, found[-1] if found else None
    except _HEADER_ERRORS as error:
        raise ImageError(
            f"{name} is DICOM with a damaged header. Export the photograph again."
        ) from error


def _refuse_other_kinds(header: Dataset, name: str) -> None:
    kind = _text(header, "SOPClassUID")
    if kind not in _PHOTOGRAPHS:
        raise ImageError(
            f"{name} is DICOM, but no photograph: {_named(kind, 'of an unknown kind')}. "
            "Dermoscopic Photography, VL Photographic and Secondary Capture are read."
        )
    frames = _text(header, "NumberOfFrames") or "1"
    if frames.lstrip("0") != "1":
        raise ImageError(f"{name} is DICOM with several frames. Export one of them.")
    bits = [_number(header, keyword, name) for keyword in ("BitsAllocated", "BitsStored")]
    if bits != [8, 8] or _number(header, "PixelRepresentation", name, absent=0):
        raise ImageError(f"{name} is DICOM of other than 8 bits per sample. Export it with 8.")


def _named(uid: str, unknown: str) -> str:
    """The dictionary's name; an identifier that it lacks is not repeated."""
    if not _UID.fullmatch(uid):
        return unknown
    known = UID(uid, validation_mode=IGNORE).name  # else a warning would
    return unknown if known == uid else known


def _element(header: Dataset, keyword: str) -> RawDataElement | None:
    """The element as it lies in the file; None if it is missing or would be converted."""
    tag = tag_for_keyword(keyword)
    found = (e for e in header.values() if e.tag == tag and isinstance(e, RawDataElement))
    return next(found, None)


def _raw(header: Dataset, keyword: str) -> bytes | None:
    element = _element(header, keyword)
    return element.value if element is not None else None


def _text(header: Dataset, keyword: str) -> str:
    """An element that is ASCII in all character sets; empty if it is missing or is not."""
    raw = _raw(header, keyword) or b""
    return raw.strip(b" \0").decode("ascii") if raw.isascii() else ""


def _number(header: Dataset, keyword: str, name: str, *, absent: int | None = None) -> int:
    raw = _raw(header, keyword)
    if raw is None and absent is not None:
        return absent
    if raw is None or len(raw) != 2:
        raise ImageError(f"{name} is DICOM that does not state its {keyword}. Export it again.")
    return int.from_bytes(raw, "little" if header.original_encoding[1] else "big")


def _profile(stream: BinaryIO, header: Dataset) -> bytes | None:
    """The colour profile, which is often too large to be read with the header."""
    element = _element(header, "ICCProfile")
    if element is None or not 0 < element.length <= _LARGEST_PROFILE:
        return None
    stream.seek(element.value_tell)
    return stream.read(element.length)


def _age(header: Dataset) -> float | None:
    """In years, as stated, else between birth and study. "000Y" is what empty fields become."""
    stated = _AGE.fullmatch(_text(header, "PatientAge"))
    if stated and stated[0] != "000Y":
        return _usable(int(stated[1]) * _YEARS[stated[2]])
    born, studied = (_date(header, keyword) for keyword in ("PatientBirthDate", "StudyDate"))
    if born is None or studied is None:
        return None
    birthday_to_come = (studied.month, studied.day) < (born.month, born.day)
    return _usable(float(studied.year - born.year - birthday_to_come))


def _usable(age: float) -> float | None:
    return round(age, 2) if AGE.low <= age <= AGE.high else None


def _date(header: Dataset, keyword: str) -> date | None:
    found = _DATE.fullmatch(_text(header, keyword))
    try:
        return found and date(*map(int, found.groups()))
    except ValueError:  # a 31st of February
        return None


def _sex(header: Dataset) -> str | None:
    return {"F": "female", "M": "male"}.get(_text(header, "PatientSex"))


def _site(header: Dataset) -> str | None:
    """Of the one anatomic region that is coded; SNOMED RT's codes are those of older files."""
    try:
        items = header.get("AnatomicRegionSequence") or ()
        codes = [_code(item) for item in items]
    except _HEADER_ERRORS:
        return None
    return SITE_OF.get(codes[0]) if len(codes) == 1 else None


def _code(item: Dataset) -> str | None:
    """The item's code in SNOMED CT; None in another scheme."""
    scheme, value = _text(item, "CodingSchemeDesignator"), _text(item, "CodeValue")
    if scheme != "SRT":
        return value if scheme == "SCT" else None
    retired = Code(value, "SRT", "")
    return next((code for code in SITE_OF if Code(code, "SCT", "") == retired), None)
