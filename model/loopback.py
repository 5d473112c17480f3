"""Between the project's own processes: past any proxy, and through ports that exist."""

import os

_OWN = ("localhost", "127.0.0.1", "::1")


def reach_directly(*hosts: str) -> None:
    """Except this machine, and these hosts, from the proxies that the environment names.

    Both spellings are set, since libraries differ in which they read; what stood there is kept.
    """
    for name in ("no_proxy", "NO_PROXY"):
        said = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in said:
            os.environ[name] = ",".join(dict.fromkeys([*said, *_OWN, *filter(None, hosts)]))


def require_port(name: str) -> None:
    """Check an environment variable that names a port; unset or empty, another decides.

    Raises:
        ValueError: it is no number from 1 to 65535.
    """
    said = os.environ.get(name, "")
    if said and not (said.isascii() and said.isdecimal() and 0 < int(said) < 65536):
        raise ValueError(f"{name} is {said!r}; give a port from 1 to 65535, or unset it.")
