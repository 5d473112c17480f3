"""Names of images: the Archive's id, and the challenge's name of a copy that it reduced."""

import re

_ID = re.compile(r"ISIC_\d{7,}")


def is_image_id(text: str) -> bool:
    """Whether it looks like ISIC_0000000, and so can be the name of a file."""
    return _ID.fullmatch(text) is not None


def archive_id(image: str) -> str:
    """The Archive's id of an image that a table of the challenge names."""
    return image.removesuffix("_downsampled")
