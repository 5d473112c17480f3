"""Networks of which only the shapes are asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def shapes_only() -> Iterator[None]:
    """Give weights no values: to draw those of a large network takes longer than to build it."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session()  # or the next network would first draw what is missing here
