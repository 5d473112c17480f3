"""What a process takes from its environment: proxies, ports, and how much TensorFlow prints.

TensorFlow and LiteRT write notices about themselves, on drivers and delegates, to the process's
standard error while they are imported or load a network, whatever Python's logging says; TensorFlow
reads ``TF_CPP_MIN_LOG_LEVEL`` for those that come later. Set that variable to see them all.
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


def quiet_tensorflow() -> None:
    """Keep TensorFlow quiet from its import on, unless the environment sets its log level."""
    if _LEVEL not in os.environ and "tensorflow" not in sys.modules:
        os.environ[_LEVEL] = _ERRORS_ALONE
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, and has it loaded without its notices."""

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
        module.__spec__.loader = module.__loader__ = (
            self._loader
        )  # later queries go to the usual one
        with without_notices():
            self._loader.exec_module(module)


@contextmanager
def without_notices() -> Iterator[None]:
    """Discard what any library writes to file descriptor 2, unless the log level asks for it."""
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


_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def reach_directly(*hosts: str) -> None:
    """Reach this machine, and these hosts, without the proxies that the environment names.

    Sets ``no_proxy`` in both spellings, since libraries differ in which they read, and keeps what
    is there.
    """
    for name in ("no_proxy", "NO_PROXY"):
        stated = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in stated:
            os.environ[name] = ",".join(
                dict.fromkeys([*stated, *_THIS_MACHINE, *filter(None, hosts)])
            )


def require_port(name: str) -> None:
    """Check an environment variable that names a port, if it is set.

    Raises:
        ValueError: it is not a number from 1 to 65535.
    """
    stated = os.environ.get(name, "")
    if stated and not (stated.isascii() and stated.isdecimal() and 0 < int(stated) < 65536):
        raise ValueError(f"{name} is {stated!r}; give a port from 1 to 65535, or unset it.")
