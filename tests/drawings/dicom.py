"""DICOM files of drawn lesions, as clinics' systems write them and as nobody should."""

import warnings
from io import BytesIO

import jpeg_ls
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from tests.drawings import draw_lesion, encoded

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"

PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
NAME, NUMBER, STUDY_DATE = "Roe^Jane", "PID-4711-XYZ", "20240506"
NAME_AND_DATES = {
    "PatientName": NAME,
    "PatientID": NUMBER,
    "PatientBirthDate": "19610203",
    "StudyDate": STUDY_DATE,
    "InstitutionName": "St. Elsewhere",
    "AccessionNumber": "ACC-0815",
}


def drawn(kind: int = 0, size: tuple[int, int] = (160, 120)) -> Image.Image:
    return draw_lesion(kind, seed=1, size=size)


def dicom(
    picture: Image.Image | None = None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    colours: str = "RGB",
    content: bytes | None = None,
    by_plane: bool = False,
    region: str | None = None,
    scheme: str = "SCT",
    vr: str = "OB",
    **elements: object,
) -> bytes:
    """A file that holds a picture; ``content`` stands in place of its pixel data.

    ``elements`` are by keyword; one that is None is left out.
    """
    picture = picture or drawn()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = meta.MediaStorageSOPInstanceUID = DERMOSCOPIC
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    usual = {
        "SOPClassUID": DERMOSCOPIC,
        "SOPInstanceUID": "1.2.3",
        "Rows": picture.height,
        "Columns": picture.width,
        "SamplesPerPixel": 1 if colours == "MONOCHROME2" else 3,
        "PhotometricInterpretation": colours,
        "PlanarConfiguration": int(by_plane),
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    if region is not None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = region, scheme, "region"
        usual["AnatomicRegionSequence"] = Sequence([item])
    if content is None:
        content = plain(picture, colours, by_plane=by_plane)
    elif meta.TransferSyntaxUID.is_encapsulated:
        content = encapsulate([content])
    content += bytes(len(content) % 2)
    if syntax == ExplicitVRBigEndian and vr == "OW":
        content = np.frombuffer(content, "u2").byteswap().tobytes()
    dataset.add_new("PixelData", vr, content)
    dataset["PixelData"].is_undefined_length = meta.TransferSyntaxUID.is_encapsulated
    order = {
        "implicit_vr": syntax == ImplicitVRLittleEndian,
        "little_endian": syntax != ExplicitVRBigEndian,
    }
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values are meant to be wrong
        for keyword, value in (usual | elements).items():
            if value is not None:
                setattr(dataset, keyword, value)
        dcmwrite(file, dataset, force_encoding=True, **order)
    return file.getvalue()


def plain(picture: Image.Image, colours: str = "RGB", *, by_plane: bool = False) -> bytes:
    """Uncompressed pixel data."""
    if colours == "MONOCHROME2":
        return picture.convert("L").tobytes()
    pixels = np.asarray(picture if colours == "RGB" else picture.convert("YCbCr"))
    if colours == "YBR_FULL_422":
        pairs = pixels.reshape(picture.height, picture.width // 2, 2, 3)
        return np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], axis=-1).tobytes()
    return (pixels.transpose(2, 0, 1) if by_plane else pixels).tobytes()


def compressed(picture: Image.Image, syntax: str, **options: object) -> bytes:
    """The stream of a compressed picture, as the usual libraries write it."""
    if syntax == JPEGBaseline8Bit:
        return encoded(picture, quality=95, **options)
    if syntax in (JPEG2000, JPEG2000Lossless):
        lossy = {"irreversible": True, "quality_mode": "dB", "quality_layers": [45]}
        return encoded(
            picture, "JPEG2000", no_jp2=True, **(lossy if syntax == JPEG2000 else {}) | options
        )
    error = 2 if syntax == JPEGLSNearLossless else 0
    pixels = np.asarray(picture)
    mode = options.get("interleave", 2)
    if mode == 0:
        pixels = pixels.transpose(2, 0, 1)
    return bytes(
        jpeg_ls.encode_array(np.ascontiguousarray(pixels), error, mode)
        if pixels.ndim == 3
        else jpeg_ls.encode_array(pixels, error)
    )


COMPRESSED = (JPEGBaseline8Bit, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000)
