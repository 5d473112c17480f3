"""Read a photograph of 12 megapixels from DICOM, beside reading it as it lies in the file.

    python benchmarks/dicom.py

Draws a lesion, writes it as JPEG and, with the same stream inside, as DICOM, and reads both in
turn; then uncompressed, JPEG-LS and JPEG 2000 beside pydicom's own decoding. Expect a minute.
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import machine, save
from model.data.context import recorded_patient
from model.image import read_image
from model.patient import FIELDS
from tests.drawings import draw_lesion
from tests.drawings.dicom import compressed, dicom

SIZE, ROUNDS = (4000, 3000), 5
WAYS = {"jpeg_ls": JPEGLSLossless, "jpeg_2000": JPEG2000Lossless}


def main() -> None:
    """Measure, print and save."""
    picture = draw_lesion(0, seed=1, size=SIZE)
    stream = compressed(picture, JPEGBaseline8Bit)
    stated = {"PatientAge": "061Y", "region": "43067004"}
    file = dicom(picture, syntax=JPEGBaseline8Bit, content=stream, **stated)
    plain = dicom(picture, syntax=ExplicitVRLittleEndian)
    beside = in_turn({"jpeg": lambda: read_image(stream), "dicom": lambda: read_whole(file)})
    report = machine() | {"megapixels": SIZE[0] * SIZE[1] / 1e6}
    report |= {"jpeg_s": beside["jpeg"], "dicom_s": beside["dicom"]}
    report["beyond_jpeg_s"] = round(beside["dicom"] - beside["jpeg"], 3)
    report["uncompressed"] = against_pydicom(plain)
    for name, syntax in WAYS.items():
        content = compressed(picture, syntax)
        report[name] = against_pydicom(dicom(picture, syntax=syntax, content=content))
    save("dicom", report)


def read_whole(file: bytes) -> None:
    """The photograph and its patient."""
    read_image(file)
    recorded_patient(file, FIELDS)


def against_pydicom(file: bytes) -> dict[str, float]:
    """Seconds of both, and how many times as long this project takes."""
    took = in_turn(
        {
            "seconds": lambda: read_whole(file),
            "pydicom_s": lambda: pydicom.dcmread(BytesIO(file)).pixel_array,
        }
    )
    return took | {"to_pydicom": round(took["seconds"] / took["pydicom_s"], 2)}


def in_turn(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, taken in turn."""
    took = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - start)
    return {name: round(median(seconds), 3) for name, seconds in took.items()}


if __name__ == "__main__":
    main()
