"""Image ids of the Archive, and the challenge's names of downsampled copies."""

import re

_ID = re.compile(r"ISIC_\d{7,}")


def is_image_id(text: str) -> bool:
    """Whether it looks like ISIC_0000000, and is therefore safe as a file name."""
    return _ID.fullmatch(text) is not None


def archive_id(image: str) -> str:
    """The Archive's id of an image that is named in a table of the challenge."""
    return image.removesuffix("_downsampled")
