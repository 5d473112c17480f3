"""Notices of TensorFlow and LiteRT about themselves, on drivers and delegates, of no use to a user.

They write them to the process's standard error while they are imported or load a network, whatever
Python's logging says; TensorFlow reads ``TF_CPP_MIN_LOG_LEVEL`` for those that come later. Set that
variable to see them all.
"""

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

_LEVEL, _ERRORS_ALONE = "TF_CPP_MIN_LOG_LEVEL", "3"


def silence() -> None:
    """Keep TensorFlow quiet from its import on, unless the environment sets its log level."""
    if _LEVEL not in os.environ and "tensorflow" not in sys.modules:
        os.environ[_LEVEL] = _ERRORS_ALONE
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as everybody does, and has it loaded without a word."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self._loader  # what asks later asks the usual
        with without_notices():
            self._loader.exec_module(module)


@contextmanager
def without_notices() -> Iterator[None]:
    """Send what is written to file descriptor 2, by whatever library, nowhere; unless asked for."""
    if os.environ.get(_LEVEL, _ERRORS_ALONE) != _ERRORS_ALONE:
        yield
        return
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a process without standard error
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
