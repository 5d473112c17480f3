"""Bringing a decoded photograph to 8-bit RGB as it was meant to look, upright and without its past.

Colour spaces, transparency and orientation are applied; what else the file said of itself (EXIF,
place, camera, comments) is left behind.
"""

from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

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
    """As EXIF states it. A photograph with damaged EXIF is shown as it lies in the file."""
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
    """Apply the file's colour profile; one that is damaged or of another kind is passed over."""
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
