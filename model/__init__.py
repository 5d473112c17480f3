"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (what goes out and in), ``image`` (the one
preprocessing), ``data`` (``dataset`` → ``duplicates`` → ``split`` → ``cache``: what is learned
from), ``networks`` (what learns), ``training`` (``settings`` → ``batches`` → ``train`` →
``packaging``), ``inference`` (``bundle``: what is kept; ``predictor`` → ``study``: what predicts),
``evaluation`` (``metrics`` → ``intervals`` → ``outcome`` → ``evaluate``: how good it is).

``inference`` imports neither training code nor the Archive's client.
"""

from importlib import import_module
from typing import Any

from model.environment import quiet_tensorflow

quiet_tensorflow()

_MODULES = {
    "Manifest": "inference.bundle",
    "Patient": "patient",
    "Predictor": "inference.predictor",
    "Study": "inference.study",
    "ModelError": "errors",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Load a public name when it is first used, since some take TensorFlow along."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
