"""DICOM photographs: right colours and context, or one line, and nothing of the person."""

import logging
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from isic_api.vocabulary import CHALLENGE_SITES
from model.data.context import fill_unknown, recorded_patient
from model.dicom import REGIONS, SITE_OF
from model.dicom_pixels import is_plainly_divided
from model.errors import ImageError
from model.image import read_image, stored_size
from model.patient import FIELDS, SITE, Patient
from tests.drawings import draw_lesion, encoded
from tests.drawings.dicom import (
    COMPRESSED,
    CT,
    NAME_AND_DATES,
    PHOTOGRAPHIC,
    PLAIN,
    SECONDARY_CAPTURE,
    compressed,
    dicom,
    drawn,
)

ROOT = Path(__file__).parents[2]
LABELS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


def difference(left, right):
    return np.abs(np.asarray(left, float) - np.asarray(right, float)).mean()


# === Pictures ===


@pytest.mark.parametrize("syntax", PLAIN)
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_an_uncompressed_picture_is_read_in_all_colours_and_layouts(syntax, vr):
    picture = drawn(size=(161, 121))  # so that there is a byte of padding
    for colours in ("RGB", "YBR_FULL"):
        for by_plane in (False, True):
            file = dicom(picture, syntax=syntax, colours=colours, by_plane=by_plane, vr=vr)
            assert difference(read_image(file), picture) < (1 if colours == "RGB" else 2)
    half = dicom(drawn(), syntax=syntax, colours="YBR_FULL_422", vr=vr)
    assert difference(read_image(half), drawn()) < 3
    grey = dicom(picture, syntax=syntax, colours="MONOCHROME2", vr=vr)
    assert difference(read_image(grey), picture.convert("L").convert("RGB")) == 0


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_a_compressed_picture_has_its_colours_whatever_it_is_filed_under(syntax):
    for kind in (0, 2, 6, 7):
        picture = drawn(kind)
        for colours in LABELS:
            for by_plane in (False, True):
                stream = compressed(picture, syntax)
                file = dicom(
                    picture, syntax=syntax, colours=colours, by_plane=by_plane, content=stream
                )
                assert difference(read_image(file), picture) < 3, (kind, colours)


@pytest.mark.parametrize("interleave", [0, 1, 2])
@pytest.mark.parametrize("colours", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("stored", ["RGB", "YCbCr"])
def test_planes_that_no_stream_names_are_told_by_what_they_hold(stored, colours, interleave):
    for kind in range(8):
        stream = compressed(drawn(kind).convert(stored), JPEGLSLossless, interleave=interleave)
        file = dicom(drawn(kind), syntax=JPEGLSLossless, colours=colours, content=stream)
        assert difference(read_image(file), drawn(kind)) < 3, kind


@pytest.mark.parametrize("colours", ["RGB", "YBR_FULL"])
def test_a_label_is_believed_where_the_picture_contradicts_neither(colours):
    grey = Image.new("RGB", (160, 120), (90, 91, 90))
    stored = grey if colours == "RGB" else grey.convert("YCbCr")
    stream = compressed(stored, JPEGLSLossless)
    file = dicom(grey, syntax=JPEGLSLossless, colours=colours, content=stream)
    assert difference(read_image(file), grey) < 2


@pytest.mark.parametrize("colours", LABELS)
def test_a_jpeg_of_rgb_planes_is_read_by_its_markers_and_without_them_by_its_planes(colours):
    picture = drawn(size=(320, 240))
    stream = encoded(picture, quality=98, keep_rgb=True)
    bare = _without_markers(stream)
    ycc = _without_markers(encoded(picture, quality=98, subsampling=0))
    assert b"Adobe" not in bare
    assert b"JFIF" not in ycc
    for content in (stream, bare, ycc):
        file = dicom(picture, syntax=JPEGBaseline8Bit, colours=colours, content=content)
        assert difference(read_image(file), picture) < 3


def _without_markers(jpeg):
    """No JFIF, no Adobe, and components that are numbered."""
    found, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = bytearray(jpeg[at : at + length])
        if segment[1] == 0xC0:
            segment[10::3] = bytes([1, 2, 3])
        found += b"" if segment[1] in (0xE0, 0xEE) else bytes(segment)
        at += length
    rest = bytearray(jpeg[at:])
    rest[5:10:2] = bytes([1, 2, 3])
    return found + bytes(rest)


def test_a_photograph_is_one_under_three_kinds_and_any_name(tmp_path):
    for number, kind in enumerate((SECONDARY_CAPTURE, PHOTOGRAPHIC)):
        path = tmp_path / f"IM{number}"
        path.write_bytes(dicom(SOPClassUID=kind, NumberOfFrames=1))
        assert difference(read_image(path), drawn()) == 0
        assert stored_size(path) == drawn().size


def test_a_stream_in_several_fragments_is_put_together():
    stream = compressed(drawn(), JPEGBaseline8Bit)
    file = dicom(syntax=JPEGBaseline8Bit, content=stream)
    parts = encapsulate([stream], fragments_per_frame=7)
    many = file.replace(encapsulate([stream]), parts)
    assert many != file
    assert difference(read_image(many), read_image(file)) == 0


def test_a_large_jpeg_is_reduced_while_it_is_decoded():
    picture = Image.new("RGB", (8_000, 5_100), (200, 150, 130))
    file = dicom(picture, syntax=JPEGBaseline8Bit, content=compressed(picture, JPEGBaseline8Bit))
    assert read_image(file).size == (4_000, 2_550)


def test_an_orientation_and_a_comment_inside_are_left_aside():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Jane Roe"
    stream = encoded(drawn(), exif=exif, comment=b"Jane Roe")
    read = read_image(dicom(syntax=JPEGBaseline8Bit, content=stream))
    assert read.size == drawn().size
    assert read.info == {}


# === Context ===


def context(**elements):
    return dict(recorded_patient(dicom(**elements), FIELDS))


@pytest.mark.parametrize(
    ("elements", "age"),
    [
        ({"PatientAge": "055Y"}, 55),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "026W"}, 0.5),
        ({"PatientAge": "003D"}, 0.01),
        ({"PatientAge": "061Y", "PatientBirthDate": "19000101", "StudyDate": "20200101"}, 61),
        ({"PatientBirthDate": "19610507", "StudyDate": "20240506"}, 62),
        ({"PatientBirthDate": "19610506", "StudyDate": "20240506"}, 63),
        ({"PatientBirthDate": "1961.05.06", "StudyDate": "20240506"}, 63),
        ({"PatientAge": "000Y", "PatientBirthDate": "19610506", "StudyDate": "20240506"}, 63),
        ({"PatientBirthDate": "18951231", "StudyDate": "19501231"}, 55),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "55"}, None),
        ({"PatientAge": "121Y"}, None),
        ({"PatientBirthDate": "18991231", "StudyDate": "20240101"}, None),
        ({"PatientBirthDate": "20250101", "StudyDate": "20240101"}, None),
        ({"PatientBirthDate": "19610231", "StudyDate": "20240101"}, None),
        ({"PatientBirthDate": "19610201"}, None),
        ({"PatientBirthDate": "0000", "StudyDate": ""}, None),
    ],
)
def test_the_age_is_the_stated_one_or_that_between_two_dates(elements, age):
    assert context(**elements).get("age") == age


@pytest.mark.parametrize(("stated", "sex"), [("F", "female"), ("M", "male"), ("O", None)])
def test_the_sex_is_one_of_the_challenges_or_unknown(stated, sex):
    assert context(PatientSex=stated).get("sex") == sex
    assert context(PatientSex="").get("sex") is None


@pytest.mark.parametrize(
    ("region", "scheme", "site"),
    [
        ("73897004", "SCT", "head/neck"),
        ("70887009", "SCT", "palms/soles"),
        ("22180002", "SCT", "lower extremity"),
        ("T-D8700", "SRT", "upper extremity"),
        ("54440003", "SCT", None),  # the upper trunk, in front or behind
        ("73897004", "99LOCAL", None),
        ("T-D8700", "SCT", None),
        ("", "SCT", None),
    ],
)
@pytest.mark.parametrize("syntax", PLAIN)
def test_the_site_is_that_of_a_code(region, scheme, site, syntax):
    assert context(region=region, scheme=scheme, syntax=syntax).get("site") == site


def test_left_and_right_change_no_site_and_two_regions_are_none():
    region, modifier = Dataset(), Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "73897004", "SCT"
    modifier.CodeValue, modifier.CodingSchemeDesignator = "7771000", "SCT"
    region.AnatomicRegionModifierSequence = Sequence([modifier])
    one = {"AnatomicRegionSequence": Sequence([region]), "ImageLaterality": "L"}
    assert context(**one)["site"] == "head/neck"
    two = Sequence([region, region])
    assert "site" not in context(AnatomicRegionSequence=two)


def test_the_table_has_pydicoms_codes_and_meanings_and_the_challenges_words():
    assert set(REGIONS) == set(CHALLENGE_SITES) == set(SITE.words)
    known = {(code.value, code.meaning) for code in map(codes.SCT.__getattr__, codes.SCT.dir())}
    for regions in REGIONS.values():
        assert set(regions.items()) <= known
    assert len(SITE_OF) == sum(map(len, REGIONS.values()))  # no code on two sites


def test_the_standards_list_for_dermatology_is_mapped_but_for_what_says_no_site():
    listed = {getattr(codes.CID4029, name) for name in codes.CID4029.dir()}
    missing = {code.meaning for code in listed if code.scheme_designator == "SCT"}
    missing -= {code.meaning for code in listed if code.value in SITE_OF}
    assert missing == {"Eyelash", "Hair", "Retina", "Skin", "Skin of upper trunk", "Tooth"}


def test_only_what_is_unknown_is_filled():
    file = dicom(PatientAge="055Y", PatientSex="F", region="73897004")
    filled = fill_unknown(Patient(age=30.0), file, FIELDS)
    assert dict(filled) == {"age": 30.0, "sex": "female", "site": "head/neck"}
    assert fill_unknown(Patient(sex="male"), encoded(drawn()), FIELDS) == Patient(sex="male")
    assert recorded_patient(file[:200], FIELDS) == Patient()


# === What is refused ===


def element(tag, vr, length, value=b""):
    """An element with a long length, whatever it really holds."""
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length) + value


def behind_meta(extra, file=None):
    """A file with bytes put in front of its data set."""
    file = file or dicom()
    at = file.index(struct.pack("<HH", 8, 0x16))  # the kind of object
    return file[:at] + extra + file[at:]


def changed(keyword_bytes, value, file=None):
    file = file or dicom()
    assert file.count(keyword_bytes) == 1
    return file.replace(keyword_bytes, value)


def under_syntax(uid, file=None):
    """A file whose data set is plain, filed under another transfer syntax."""
    uid += "\0" * (len(uid) % 2)
    stated = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + ExplicitVRLittleEndian.encode() + b"\0"
    other = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid.encode()
    return changed(stated, other, file)


JPEG = compressed(drawn(), JPEGBaseline8Bit)
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
SQ = element(0x00081140, b"SQ", 0xFFFFFFFF)


def deflated_bomb():
    packer = zlib.compressobj(9, wbits=-15)
    body = packer.compress(bytes(300 << 20)) + packer.flush()
    file = under_syntax(DeflatedExplicitVRLittleEndian)
    return file[: file.index(struct.pack("<HH", 8, 0x16))] + body


REFUSED = {
    "several frames": (lambda: dicom(NumberOfFrames=2), "several frames"),
    "several streams": (
        lambda: dicom(syntax=JPEGBaseline8Bit, content=JPEG).replace(
            encapsulate([JPEG]), encapsulate([JPEG, JPEG], has_bot=False)
        ),
        "several frames",
    ),
    "several offsets": (
        lambda: dicom(syntax=JPEGBaseline8Bit, content=JPEG).replace(
            encapsulate([JPEG]), encapsulate([JPEG, JPEG])
        ),
        "several frames",
    ),
    "a CT": (lambda: dicom(SOPClassUID=CT), "no photograph: CT Image Storage"),
    "an unknown kind": (lambda: dicom(SOPClassUID="1.2.3.4711"), "of an unknown kind"),
    "no kind": (lambda: dicom(SOPClassUID=None), "of an unknown kind"),
    "RLE": (lambda: dicom(syntax=RLELossless, content=b"none"), "RLE Lossless, which is not read"),
    "12 bits": (lambda: dicom(syntax=JPEGExtended12Bit, content=JPEG), "which is not read"),
    "unknown syntax": (lambda: under_syntax("1.2.3.4711"), "an unknown way"),
    "deflated": (deflated_bomb, "Deflated Explicit VR Little Endian, which is not read"),
    "16 bits": (lambda: dicom(BitsAllocated=16, BitsStored=12), "other than 8 bits"),
    "signed": (lambda: dicom(PixelRepresentation=1), "other than 8 bits"),
    "a palette": (lambda: dicom(PhotometricInterpretation="PALETTE COLOR"), "colours"),
    "negative": (lambda: dicom(PhotometricInterpretation="MONOCHROME1"), "colours"),
    "no rows": (lambda: dicom(Rows=None), "does not state its Rows"),
    "too small": (lambda: dicom(drawn(size=(31, 120))), "at least 32"),
    "too large": (lambda: dicom(Rows=60_000, Columns=60_000), "more than 100 million"),
    "large and plain": (lambda: dicom(Rows=8_000, Columns=8_000), "more than 40 million"),
    "more rows": (lambda: dicom(Rows=121), "more or fewer pixels"),
    "fewer rows": (lambda: dicom(Rows=119), "more or fewer pixels"),
    "other samples": (lambda: dicom(SamplesPerPixel=1), "contradict"),
    "no pixels": (lambda: dicom()[: -3 * 160 * 120 - 12], "without a photograph"),
    "fractions": (
        lambda: changed(
            struct.pack("<HH", 0x7FE0, 0x10) + b"OB", struct.pack("<HH", 0x7FE0, 8) + b"OF"
        ),
        "without a photograph",
    ),
    "only a beginning": (lambda: bytes(128) + b"DICM" + bytes(80), "unknown way"),
    "a length of -1": (
        lambda: changed(
            struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, 120),
            struct.pack("<HH2sHH", 0x28, 0x10, b"US", 0xFFFF, 120),
        ),
        "without a photograph",
    ),
    "an endless private element": (
        lambda: behind_meta(element(0x00090010, b"UN", 0xFFFFFFFE)),
        "without a photograph",
    ),
    "endless character sets": (
        lambda: behind_meta(element(0x00080005, b"UT", 1 << 30, b"\\" * (1 << 20))),
        "damaged header",
    ),
    "many empty items": (
        lambda: behind_meta(SQ + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 1_000_000),
        "damaged header",
    ),
    "nested without end": (lambda: behind_meta((SQ + ITEM) * 100_000), "damaged header"),
    "other sizes": (
        lambda: dicom(drawn(size=(200, 120)), syntax=JPEGBaseline8Bit, content=JPEG),
        "differ in size",
    ),
    "other sizes in JPEG-LS": (
        lambda: dicom(
            drawn(size=(200, 120)),
            syntax=JPEGLSLossless,
            content=compressed(drawn(), JPEGLSLossless),
        ),
        "differ in size",
    ),
    "four samples": (
        lambda: dicom(syntax=JPEGBaseline8Bit, content=encoded(drawn().convert("CMYK"))),
        "one or three samples",
    ),
    "another stream": (lambda: dicom(syntax=JPEG2000Lossless, content=JPEG), "damaged"),
    "no JPEG-LS": (lambda: dicom(syntax=JPEGLSLossless, content=JPEG), "damaged"),
    "JPEG that is not in fragments": (
        lambda: under_syntax(JPEGBaseline8Bit, dicom(content=JPEG)),
        "damaged",
    ),
    "fragments without end": (
        lambda: dicom(syntax=JPEGBaseline8Bit, content=JPEG).replace(
            struct.pack("<I", len(JPEG) + len(JPEG) % 2) + JPEG[:4],
            struct.pack("<I", 0xFFFFFFF0) + JPEG[:4],
        ),
        "damaged",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_photograph_is_refused_in_a_line(case, tmp_path):
    content, reason = REFUSED[case]
    path = tmp_path / "photo.dcm"
    path.write_bytes(content())
    with pytest.raises(ImageError, match=rf"^photo\.dcm .*{reason}") as refused:
        read_image(path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("syntax", [*PLAIN, *COMPRESSED])
def test_a_file_that_is_cut_off_gives_no_other_picture(syntax):
    content = None if syntax in PLAIN else compressed(drawn(), syntax)
    file = dicom(syntax=syntax, content=content, PatientAge="055Y")
    whole = read_image(file)
    for length in [*range(132, len(file) - 1, max(1, len(file) // 150)), len(file) - 20]:
        try:
            assert difference(read_image(file[:length]), whole) == 0
        except ImageError:
            continue
        assert length > len(file) - 12  # only the end mark was missing


def test_damage_anywhere_is_a_line_or_a_picture_of_the_stated_size():
    rng = np.random.default_rng(3)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, *COMPRESSED):
        content = None if syntax in PLAIN else compressed(drawn(), syntax)
        file = dicom(syntax=syntax, content=content, region="73897004", PatientAge="055Y")
        for _ in range(60):
            mutant = bytearray(file)
            places = rng.integers(132, min(len(file), 1_400), 3)
            mutant[places[0]], mutant[places[1]] = rng.integers(0, 256, 2)
            recorded_patient(bytes(mutant), FIELDS)
            try:
                assert read_image(bytes(mutant)).size
            except ImageError as error:
                assert "\n" not in str(error)  # noqa: PT017


LIMITED = """
import os, resource, sys
from io import BytesIO
from pathlib import Path
import model.dicom, jpeg_ls
from model.errors import ImageError
from model.data.context import recorded_patient
from model.image import read_image
from model.patient import FIELDS
room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + (32 << 20)
for path in map(Path, sys.argv[1:]):
    if os.fork():
        os.wait()
        continue
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
    try:
        read_image(path)
        print(path.name, "read", recorded_patient(path, FIELDS))
    except ImageError as error:
        print(error)
    break
"""


@pytest.mark.slow
def test_bad_files_take_little_memory_and_no_warning_tells_what_they_hold(tmp_path):
    files = {name.replace(" ", "-"): content for name, (content, _) in REFUSED.items()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content())
    private = behind_meta(element(0x00090010, b"UN", 1 << 30))
    at = private.index(struct.pack("<I", 1 << 30)) + 4
    with (tmp_path / "private").open("wb") as file:  # the gigabyte takes no room on the disk
        file.write(private[:at])
        file.seek(1 << 30, 1)
        file.write(private[at:])
    odd = dicom(SpecificCharacterSet="ISO_IR 4711", PatientName="Röe", PatientAge="055Y")
    (tmp_path / "charset").write_bytes(odd)
    paths = [str(tmp_path / name) for name in (*files, "private", "charset")]
    command = [sys.executable, "-c", LIMITED, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert done.stderr == ""
    assert said["private"] == "read Patient()"
    assert said["charset"] == "read Patient(age=55.0)"
    for name, (_, reason) in REFUSED.items():
        assert reason in said[name.replace(" ", "-")]


# === Nothing of the person ===


def test_names_identifiers_and_dates_are_nowhere(caplog, recwarn, tmp_path):
    caplog.set_level(logging.DEBUG)
    parts = [part for value in NAME_AND_DATES.values() for part in (value, value.split("^")[0])]
    wrong = {"PatientBirthDate": "Roe^Jane 4711", "StudyDate": "Roe^Jane", "PatientAge": "Roe^J"}
    said = []
    for elements in (NAME_AND_DATES, NAME_AND_DATES | wrong):
        file = dicom(**elements)
        read = read_image(file)
        read.save(tmp_path / "saved.png")
        said += [repr(read.info), repr(recorded_patient(file, FIELDS))]
        said += [(tmp_path / "saved.png").read_bytes().decode("latin1")]
        for length in range(132, 900, 3):
            try:
                read_image(file[:length])
            except ImageError as error:
                said += [str(error), repr(error.__cause__)]
    said += [caplog.text, *(str(one.message) for one in recwarn)]
    for part in (*parts, "Roe"):
        assert not any(part in text for text in said), part


@pytest.mark.slow
def test_pydicom_is_loaded_by_a_dicom_file_alone(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(draw_lesion(0, seed=1)))
    (tmp_path / "a.dcm").write_bytes(dicom(NumberOfFrames=1))
    program = """if True:
        import sys
        from pathlib import Path
        import demo.page, demo.rest, model.cli.predict
        from model.image import read_image, stored_size
        from model.data.context import recorded_patient
        from model.patient import FIELDS
        folder = Path(sys.argv[1])
        read_image(folder / "a.jpg"), stored_size(folder / "a.jpg")
        recorded_patient(folder / "a.jpg", FIELDS)
        print({"pydicom", "jpeg_ls"} & set(sys.modules))
        read_image(folder / "a.dcm")
        print("pydicom" in sys.modules)
    """
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\nTrue\n", done.stderr


CLINIC = (Path(__file__).parents[2] / "docs" / "clinic.md").read_text(encoding="utf-8")


def test_the_documented_example_is_read_as_documented(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(CLINIC.split("```python\n")[1].split("```")[0], {})
    assert read_image(tmp_path / "drawn.dcm").size == (600, 450)
    recorded = recorded_patient(tmp_path / "drawn.dcm", FIELDS)
    assert recorded == Patient(age=61.0, sex="female", site="posterior torso")


def test_the_documented_regions_are_those_of_the_table():
    for site, regions in REGIONS.items():
        said = "; ".join(f"{meaning} {code}" for code, meaning in regions.items())
        assert f"| {site} | {said} |" in CLINIC


def test_identifiers_that_are_none_are_not_repeated():
    for name in ("SECRET\n", "\x1cSECRET"):
        file = dicom(SOPClassUID="1.2.3.4711.SECRETX").replace(b"SECRETX", name.encode())
        with pytest.raises(ImageError, match="of an unknown kind") as raised:
            read_image(file)
        assert "4711" not in str(raised.value)


@pytest.mark.parametrize("skin", [(226, 176, 184), (230, 170, 178), (160, 130, 170)])
def test_pink_and_violet_are_not_taken_for_chroma(skin):
    picture = Image.new("RGB", (160, 120), skin)
    file = dicom(picture, syntax=JPEGLSLossless, content=compressed(picture, JPEGLSLossless))
    assert read_image(file).getpixel((5, 5)) == skin


def divided_finely(picture, *, tiles=None, precincts=None, layers=None):
    """A JPEG 2000 stream of which a decoder would lay out very many parts."""
    stream = bytearray(compressed(picture, JPEG2000Lossless))
    if tiles:
        stream[24:32] = struct.pack(">II", tiles, tiles)
    at = stream.find(b"\xff\x52")
    end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    style = stream[at:end]
    if precincts is not None:
        style[4] |= 1
        style += bytes([precincts] * (style[9] + 1))
        style[2:4] = struct.pack(">H", len(style) - 2)
    if layers:
        style[6:8] = struct.pack(">H", layers)
    return bytes(stream[:at] + style + stream[end:])


@pytest.mark.parametrize("parts", [{"tiles": 1}, {"precincts": 0x11}, {"layers": 65_535}])
def test_a_picture_in_very_many_parts_is_refused_before_it_is_decoded(parts, monkeypatch):
    picture = drawn(size=(800, 600))
    if "layers" in parts:
        parts = parts | {"precincts": 0x77, "tiles": 200}
    stream = divided_finely(picture, **parts)
    monkeypatch.setattr("PIL.Jpeg2KImagePlugin.Jpeg2KImageFile.load", None)
    with pytest.raises(ImageError, match="too many parts"):
        read_image(dicom(picture, syntax=JPEG2000Lossless, content=stream))


def test_a_division_that_only_a_tile_states_is_found():
    stream = compressed(drawn(), JPEG2000Lossless)
    at, tile = stream.find(b"\xff\x52"), stream.find(b"\xff\x93")
    style = bytearray(stream[at : at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")])
    assert is_plainly_divided(stream, 0)
    style[10:12] = b"\0\0"  # code blocks of 4 x 4
    assert not is_plainly_divided(stream[:tile] + style + stream[tile:], 0)


@pytest.mark.parametrize(
    "options",
    [
        {"tile_size": (128, 128), "precinct_size": (128, 128), "codeblock_size": (32, 32)},
        {"num_resolutions": 6, "precinct_size": (256, 256)},
    ],
)
def test_pictures_divided_as_encoders_do_are_read(options):
    picture = drawn(size=(400, 300))
    content = compressed(picture, JPEG2000Lossless, **options)
    found = read_image(dicom(picture, syntax=JPEG2000Lossless, content=content))
    assert np.array_equal(np.asarray(found), np.asarray(picture))


def test_a_sequence_of_unknown_length_may_hold_a_picture_that_is_passed_over():
    dataset = dcmread(BytesIO(dicom(PatientAge="061Y")))
    icon = Dataset()
    icon.ICCProfile = bytes(20_000)
    icon.is_undefined_length_sequence_item = True
    dataset.OpticalPathSequence = Sequence([icon])
    dataset["OpticalPathSequence"].is_undefined_length = True
    file = BytesIO()
    dcmwrite(file, dataset)
    assert read_image(file.getvalue()).size == drawn().size
    assert recorded_patient(file.getvalue(), FIELDS).get("age") == 61


def test_an_empty_fragment_is_no_second_picture():
    stream = compressed(drawn(), JPEGBaseline8Bit)
    half = len(stream) // 4 * 2
    dataset = dcmread(BytesIO(dicom(syntax=JPEGBaseline8Bit, content=stream)))
    dataset.PixelData = in_fragments([b"", stream[:half], stream[half:]])
    dataset["PixelData"].is_undefined_length = True
    file = BytesIO()
    dcmwrite(file, dataset)
    assert read_image(file.getvalue()).size == drawn().size


def in_fragments(fragments):
    """Fragments after an empty table of offsets, as some systems write them."""
    items = (struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in [b"", *fragments])
    return b"".join(items) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
