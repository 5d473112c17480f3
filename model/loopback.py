"""Traffic between a project's own processes goes past any proxy."""

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
