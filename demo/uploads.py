"""What a request may hand in: all values, files that were uploaded here, nothing to be fetched."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder

from demo.refusal import refusal


def uploaded(path: object, texts: SimpleNamespace) -> Path:
    """Accept the path of an uploaded file, or of an example that the page handed out.

    Gradio checks a path only where the request calls it a file, and requests may leave that out.

    Raises:
        gr.Error: with a sentence for the visitor or program.
    """
    if not path:
        raise refusal(texts.errors.no_image)
    folder = Path(get_upload_folder()).resolve()
    if not isinstance(path, str) or not _is_below(path, folder):
        raise refusal(texts.errors.not_uploaded)
    return Path(path)


def fetch_nothing(texts: SimpleNamespace) -> None:
    """Make Gradio refuse an address in place of a file, which it would else download.

    It keeps to public addresses, but a page that answers about uploads needs none, and has no
    setting to say so. All its downloads go through this one function.
    """

    async def refuse(url: str) -> None:
        raise refusal(texts.errors.not_uploaded)

    processing_utils.async_ssrf_protected_get = refuse


def require_all_values(demo: gr.Blocks, texts: SimpleNamespace) -> None:
    """Refuse a request with too few values in a sentence; Gradio would log what it holds."""
    check = demo.validate_inputs

    def require(event: gr.block_function.BlockFunction, values: list) -> None:
        try:
            check(event, values)
        except ValueError as error:
            said = texts.errors.too_few.format(needed=len(event.inputs), given=len(values))
            raise refusal(said) from error

    demo.validate_inputs = require


def _is_below(path: str, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder)
    except (OSError, ValueError):  # a name that is too long, or with a zero byte
        return False
