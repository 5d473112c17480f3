"""Which parameters of a test are tried in ``make test``, and which by ``make test-slow`` alone."""

from collections.abc import Iterable

import pytest


def slow_but(fast: str | list[str], names: Iterable[str]) -> list:
    """All names for ``parametrize``, those that are not ``fast`` marked as slow."""
    kept = {fast} if isinstance(fast, str) else set(fast)
    names = list(names)
    assert kept <= set(names), f"{sorted(kept - set(names))}: not among {names}"
    return [n if n in kept else pytest.param(n, marks=pytest.mark.slow) for n in names]
