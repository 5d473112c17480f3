"""Everything that the visitor sees. It takes callables and knows of no network.

``page`` builds the page from one file per tab in ``tabs``; HTML comes from ``templates``, words
from ``texts``, theme and CSS from ``styles``, scripts for the browser from ``scripts``.
``services`` says what a network offers to the page, and loads it in the background. ``rest`` and
``endpoint`` serve programs. What changes Gradio or leans on its inside is in ``gradio_patches``,
but for what must come before its import, which is here.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_type_stubs() -> Iterator[None]:
    """Spare Gradio's import the writing of a type stub beside each of its components.

    That is a third of its time, and needs an installation that may be written to. Gradio leaves it
    out where a component has no file.
    """
    find = inspect.getfile

    def getfile(thing: object) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no type stub is wanted")
        return find(thing)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = find


with _without_type_stubs():
    import gradio  # noqa: F401 (for what imports it later)
