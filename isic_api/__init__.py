"""Everything about the ISIC Archive, nothing about learning.

    from isic_api import IsicClient

    for image in IsicClient().search("sex:male", collections=[65]):
        print(image.isic_id, image.challenge_class)

The public names are loaded when they are first used, so that reading the vocabulary does not load
the HTTP client.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "IsicClient": "client",
    "ImageRecord": "records",
    "Metadata": "records",
    "Collection": "records",
    "Lesion": "records",
    "Selection": "selection",
    "read_ids": "selection",
    "Variant": "download",
    "download_images": "download",
    "export_metadata": "metadata",
    "Recipe": "challenge",
    "fetch_isic2019": "challenge",
    "Report": "report",
    "ArchiveError": "errors",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
