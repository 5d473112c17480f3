"""Errors as visitors and programs get them."""

import gradio as gr

_MARKUP = str.maketrans("<>", "‹›")


def refusal(sentence: object) -> gr.Error:
    """What to raise for something that the visitor or program can mend.

    A sentence may repeat the name of a file or the cell of a table, and Gradio shows it as HTML.
    """
    return gr.Error(str(sentence).translate(_MARKUP), print_exception=False)
