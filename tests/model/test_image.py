"""Reading photographs: a right answer or a clear error, whatever is uploaded."""

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from model.errors import ImageError
from model.image import ImagePreprocessor, bright_box, read_image
from tests.drawings import draw_lesion, encoded


@pytest.fixture
def lesion():
    return draw_lesion(0, seed=1, size=(160, 120))


def close(left, right, tolerance):
    return np.abs(np.asarray(left, float) - np.asarray(right, float)).mean() < tolerance


def test_a_text_renamed_jpg_is_named(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no photograph")
    with pytest.raises(ImageError, match=r"^notes\.jpg cannot be read"):
        read_image(path)


def test_a_truncated_jpeg_is_refused(lesion):
    data = encoded(lesion)
    with pytest.raises(ImageError, match="damaged"):
        read_image(data[: len(data) // 2])


def test_an_empty_file_is_refused():
    with pytest.raises(ImageError):
        read_image(b"")


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (400, 31)])
def test_too_few_pixels_are_refused_with_the_limit(size):
    with pytest.raises(ImageError, match="at least 32"):
        read_image(encoded(Image.new("RGB", size), "PNG"))


def test_too_many_pixels_are_refused_before_they_are_decoded():
    data = encoded(Image.new("1", (12_000, 12_000)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(ImageError, match="more than 100 million"):
        read_image(data)


def test_a_decompression_bomb_is_refused():
    with pytest.raises(ImageError):
        read_image(encoded(Image.new("1", (20_000, 20_000)), "PNG"))


def test_other_formats_are_refused_by_content(lesion):
    with pytest.raises(ImageError, match="GIF"):
        read_image(encoded(lesion, "GIF"))


def test_cmyk_is_shown_in_its_colours(lesion):
    read = read_image(encoded(lesion.convert("CMYK"), quality=98))
    assert read.mode == "RGB"
    assert close(read, lesion, 6)


def test_transparency_is_laid_on_white(lesion):
    glass = lesion.convert("RGBA")
    glass.putalpha(Image.new("L", glass.size, 0))
    assert read_image(encoded(glass, "PNG")).getpixel((5, 5)) == (255, 255, 255)
    opaque = read_image(encoded(lesion.convert("RGBA"), "PNG"))
    assert close(opaque, lesion, 1e-9)


def test_a_palette_keeps_its_colours(lesion):
    palette = lesion.convert("P", palette=Image.Palette.ADAPTIVE)
    assert close(read_image(encoded(palette, "PNG")), lesion, 5)


def test_16_bit_grey_is_scaled_not_clipped(lesion):
    grey = np.asarray(lesion.convert("L"), np.uint16)
    read = read_image(encoded(Image.fromarray(grey * 257), "PNG"))
    assert close(read.convert("L"), grey, 1.5)


def test_a_photograph_is_turned_upright(lesion):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held on its side
    data = encoded(lesion.rotate(90, expand=True), exif=exif, quality=98)
    read = read_image(data)
    assert read.size == lesion.size
    assert close(read, lesion, 4)


def test_of_several_frames_the_first_is_read(lesion):
    other = Image.new("RGB", lesion.size, "blue")
    data = encoded(lesion, "TIFF", save_all=True, append_images=[other])
    assert close(read_image(data), lesion, 1e-9)


def test_a_black_border_is_cropped_and_a_photograph_without_one_is_not(lesion):
    framed = Image.new("RGB", (260, 200), "black")
    framed.paste(lesion, (50, 40))
    assert bright_box(framed) == (50, 40, 210, 160)
    assert bright_box(lesion) == (0, 0, 160, 120)
    assert bright_box(Image.new("RGB", (90, 90), "black")) == (0, 0, 90, 90)


def test_an_original_and_its_reduced_copy_come_out_alike(lesion):
    original = draw_lesion(0, seed=1, size=(600, 450))
    reduced = original.resize((200, 150), Image.Resampling.BOX)
    prepare = ImagePreprocessor(128)
    left, right = prepare(original), prepare(reduced)
    assert left.shape == (128, 128, 3)
    assert left.dtype == np.uint8
    assert close(left, right, 1.5)


def test_every_side_comes_out_square():
    for size in ((84, 84), (200, 150), (40, 500)):
        assert ImagePreprocessor(96)(draw_lesion(2, seed=0, size=size)).shape == (96, 96, 3)


def _grey(values, kind="PNG", **options):
    return encoded(Image.fromarray(values), kind, **options)


def test_greys_of_unstated_range_are_refused_and_not_guessed():
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    for values, kind in (((ramp * 4095).astype("u2"), "PNG"), (ramp, "TIFF")):
        with pytest.raises(ImageError, match="which of them are black and white"):
            read_image(_grey(values, kind))


def test_greys_are_scaled_by_the_range_that_the_file_states():
    ramp = np.linspace(0, 4095, 64 * 64).astype("u2").reshape(64, 64)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[280], tags[281] = 0, 4095
    image = read_image(_grey(ramp, "TIFF", tiffinfo=tags))
    assert np.asarray(image).max() == 255


def test_a_cameras_raw_file_is_refused_and_its_preview_not_shown(lesion):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\1\4\0\0"
    with pytest.raises(ImageError, match="camera RAW"):
        read_image(encoded(lesion, "TIFF", tiffinfo=tags))


def test_heic_is_refused_with_the_remedy_of_a_phone():
    with pytest.raises(ImageError, match=r"HEIC.*Most Compatible"):
        read_image(b"\0\0\0\x18ftypheic" + bytes(200))
