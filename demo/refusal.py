"""Errors as visitors and programs get them."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import gradio as gr

from model.errors import ModelError

_MARKUP = str.maketrans("<>", "‹›")


def refusal(sentence: object) -> gr.Error:
    """What to raise for something that the visitor or program can mend.

    A sentence may repeat the name of a file or the cell of a table, and Gradio shows it as HTML.
    """
    return gr.Error(str(sentence).translate(_MARKUP), print_exception=False)


@contextmanager
def refusing(texts: SimpleNamespace) -> Iterator[None]:
    """Turn what can be mended, and a network that could not be loaded, into a sentence.

    Raises:
        gr.Error: with the sentence.
    """
    try:
        yield
    except ModelError as error:
        raise refusal(error) from error
    except RuntimeError as error:
        raise refusal(texts.status.failed) from error
