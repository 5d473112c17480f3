"""Who may use the page and how often, as the environment says; everybody by default.

LESION_LOGIN=name:password    asks for a log-in; several are separated by spaces
LESION_REQUESTS_PER_MINUTE=N  from one address
"""

from collections.abc import Mapping
from dataclasses import dataclass

LOGIN, RATE = "LESION_LOGIN", "LESION_REQUESTS_PER_MINUTE"


@dataclass(frozen=True)
class Access:
    """Names with passwords, and requests a minute from one address; None is no limit."""

    logins: tuple[tuple[str, str], ...] = ()
    per_minute: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Access":
        """Read both variables; an empty one counts as absent.

        Raises:
            ValueError: one of them is malformed. The message holds no password.
        """
        logins = tuple(_login(word) for word in environment.get(LOGIN, "").split())
        rate = environment.get(RATE, "").strip()
        if rate and not (rate.isascii() and rate.isdigit() and int(rate) > 0):
            raise ValueError(f"{RATE} is {rate!r}; give a whole number of at least 1, or unset it.")
        return cls(logins, int(rate) if rate else None)


def _login(word: str) -> tuple[str, str]:
    name, _, password = word.partition(":")
    if not name or not password:
        raise ValueError(f"{LOGIN} needs name:password, both not empty and without spaces.")
    return name, password
