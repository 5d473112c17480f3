"""Uploads: limits before decoding, formats by content, nothing of the file's past kept."""

import base64
import os
import re
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import ExifTags, Image, ImageCms

from benchmarks.fuzz import mutant, originals, outcome, quiet_decoders
from benchmarks.visitor import Visitor
from demo.formatting import jpeg_uri
from model.errors import ImageError
from model.image import read_image
from tests.demo.pages import served
from tests.drawings import draw_lesion, encoded

ROOT = Path(__file__).parents[2]
SECRET = "Jane-Roe-1961"


def alike(left, right, tolerance=6):
    return np.abs(np.asarray(left, float) - np.asarray(right, float)).mean() < tolerance


@pytest.fixture(scope="module")
def lesion():
    return draw_lesion(0, seed=1, size=(160, 120))


@pytest.fixture(scope="module")
def tagged(lesion):
    """A JPEG whose EXIF, GPS, comment and camera name a person."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = exif[ExifTags.Base.Artist] = SECRET
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = SECRET.encode()
    content = encoded(lesion, exif=exif, comment=SECRET.encode())
    assert content.count(SECRET.encode()) >= 3
    return content


TWO_FRAMES = {"save_all": True, "append_images": [draw_lesion(1, seed=1)]}
BOMBS = {
    "png": lambda: encoded(Image.new("1", (20_000, 20_000)), "PNG"),
    "bmp": lambda: patched("BMP", 18, struct.pack("<ii", 60_000, 60_000)),
    "webp": lambda: patched("WEBP", 24, b"\xfe\x3f\x00" * 2, **TWO_FRAMES),
    "jpeg": lambda: patched("JPEG", _size_of_jpeg, struct.pack(">HH", 65_000, 65_000)),
    "tiff": lambda: encoded(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4"),
    "just under Pillow's own limit": lambda: encoded(Image.new("1", (13_000, 13_000)), "PNG"),
}


def patched(kind, at, size, **options):
    """A file whose header states another size than it has."""
    content = bytearray(encoded(draw_lesion(0, seed=1), kind, **options))
    start = at(content) if callable(at) else at
    content[start : start + len(size)] = size
    return bytes(content)


def _size_of_jpeg(content):
    return content.index(b"\xff\xc0") + 5


LIMITED = """
import os, resource, sys
from pathlib import Path
from model.image import read_image
from model.errors import ImageError
room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + (64 << 20)
for path in map(Path, sys.argv[1:]):
    if os.fork():
        os.wait()
        continue
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    try:
        read_image(path)
    except ImageError as error:
        print(error)
    break
"""


@pytest.mark.slow
def test_a_bomb_is_refused_in_64_mb_and_before_it_is_decoded(tmp_path):
    for kind, bomb in BOMBS.items():
        (tmp_path / kind).write_bytes(bomb())
        assert (tmp_path / kind).stat().st_size < 300_000
    paths = [str(tmp_path / kind) for kind in BOMBS]
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    # WebP's decoder asks for its memory at once, and gets none.
    said = dict.fromkeys(BOMBS, "has more than 100 million pixels") | {"webp": "cannot be read"}
    for kind in BOMBS:
        assert f"{kind} {said[kind]}" in done.stdout, done.stdout + done.stderr


def test_what_would_be_decoded_to_too_much_is_refused_and_a_large_jpeg_is_reduced():
    large = Image.new("L", (8_000, 5_100), 90)
    with pytest.raises(ImageError, match="more than 40 million"):
        read_image(encoded(large, "PNG"))
    assert max(read_image(encoded(large)).size) <= 4_096


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"GIF89a" + bytes(80), "GIF"),
        (b"%PDF-1.7\n" + bytes(80), "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(80), "HEIC"),
        (bytes(128) + b"DICM" + bytes(80), "DICOM"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "cannot be read"),
        (b"PK\x03\x04", "cannot be read"),
    ],
)
def test_formats_are_allowed_by_content_and_common_others_named(content, name, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"^photo\.jpg (is )?{name}"):
        read_image(path)


def test_no_decoder_of_another_format_is_ever_run(lesion, monkeypatch):
    Image.init()
    for kind in set(Image.OPEN) - {"JPEG", "PNG", "WEBP", "BMP", "TIFF", "MPO"}:
        opener = (lambda *_, kind=kind: pytest.fail(f"{kind} was run"), None)
        monkeypatch.setitem(Image.OPEN, kind, opener)
    for kind in ("TGA", "ICO", "PPM"):
        with pytest.raises(ImageError):
            read_image(encoded(lesion, kind))


def test_of_animated_and_multi_page_files_the_first_picture_is_read(lesion):
    other = Image.new("RGB", lesion.size, "blue")
    for kind in ("PNG", "WEBP", "TIFF", "MPO"):
        content = encoded(lesion, kind, save_all=True, append_images=[other] * 3)
        assert alike(read_image(content), lesion), kind


TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_exif_orientation_is_turned_upright(kind, orientation, lesion):
    marked = lesion.copy()
    marked.paste("blue", (0, 0, 50, 20))
    turn = TURNS[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lying = marked if turn is None else marked.transpose(turn)
    assert alike(read_image(encoded(lying, kind, exif=exif)), marked)


def test_damaged_exif_does_not_keep_a_photograph_from_being_read(lesion):
    content = encoded(lesion, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert alike(read_image(content), lesion)


def test_a_colour_profile_is_applied_and_a_damaged_one_passed_over():
    red = Image.new("RGB", (64, 64), (200, 30, 30))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = profile.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    # With red and blue exchanged, the same numbers mean another colour.
    swapped = renamed.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        shown = read_image(encoded(red, kind, icc_profile=swapped)).getpixel((32, 32))
        assert shown[2] > 150 > shown[0], kind
        same = read_image(encoded(red, kind, icc_profile=profile))
        assert alike(same, red, 3), kind
        assert alike(read_image(encoded(red, kind, icc_profile=b"damaged" * 30)), red, 3), kind
    cmyk = read_image(encoded(red.convert("CMYK"), icc_profile=swapped))  # of another colour space
    assert alike(cmyk, red, 6)


def test_nothing_but_pixels_is_kept_of_a_file(tagged):
    image = read_image(tagged)
    assert image.info == {}
    assert not image.getexif()
    shown = base64.b64decode(jpeg_uri(image).partition("base64,")[2])
    assert SECRET.encode() not in shown


def test_exif_is_neither_answered_nor_logged(address, tagged, capsys):
    visitor = Visitor(address)
    file = visitor.upload(tagged, "lesion.jpg")  # a name that the report holds
    answers = [visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])]
    answers.append(visitor.call([file, 50, "male", "head/neck"]))
    damaged = visitor.upload(tagged[: len(tagged) // 2], f"{SECRET}.jpg")
    answers.append(visitor.call([file]))
    answers.append(visitor.call([damaged, None, None, None]))
    said = str(answers)
    pictures = [base64.b64decode(p) for p in re.findall(r"base64,([A-Za-z0-9+/=]+)", said)]
    assert len(pictures) >= 3
    assert not any(SECRET.encode() in content for content in pictures)
    assert said.count(SECRET) == 1  # the name of the file that is refused
    assert SECRET not in "".join(capsys.readouterr())


def test_a_file_above_the_limit_is_refused_while_it_arrives():
    with served() as address:
        files = {"files": ("large.jpg", b"\xff\xd8" + os.urandom(21 << 20))}
        answer = requests.post(f"{address}gradio_api/upload", files=files, timeout=30)
        assert answer.status_code == 413
        assert Visitor(address).upload(b"x")["path"]


def test_uploads_are_deleted_and_within_the_hour(monkeypatch):
    import demo.page

    assert demo.page._SWEEP_SECONDS + demo.page.KEPT_SECONDS <= 3600
    monkeypatch.setattr(demo.page, "_SWEEP_SECONDS", 1)
    monkeypatch.setattr(demo.page, "KEPT_SECONDS", 1)
    with served() as address:
        path = Path(Visitor(address).upload(os.urandom(100))["path"])
        assert path.exists()
        until = time.monotonic() + 15
        while path.exists() and time.monotonic() < until:
            time.sleep(0.1)
    assert not path.exists()


@pytest.mark.parametrize("first", range(0, 600, 200))
def test_mutated_photographs_are_read_or_refused(first):
    files = originals()
    with warnings.catch_warnings(), quiet_decoders():
        warnings.simplefilter("ignore")
        ends = {number: outcome(mutant(files, number)) for number in range(first, first + 200)}
    assert {n: end for n, end in ends.items() if end not in ("read", "refused")} == {}
    assert {"read", "refused"} <= set(ends.values())


def test_a_mutant_depends_on_its_number_alone():
    files = originals()
    assert [mutant(files, 7), mutant(originals(), 7)] == [mutant(files, 7)] * 2
    assert mutant(files, 8) != mutant(files, 7)
