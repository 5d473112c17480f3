"""Where the bearer token goes, and where it never does.

It accompanies API requests only: not a file's address, though it be on the API's own host, and
not a redirect that leads elsewhere. It appears in no message, log or file.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import AuthBase

from isic_api.errors import SettingsError


class BearerToken(AuthBase):
    """Sends the token with requests below ``base_url`` and with no others; never shows it."""

    def __init__(self, token: str, base_url: str) -> None:
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(
                "The token in ISIC_TOKEN is empty or holds characters that a token cannot have; "
                "copy it again, or unset ISIC_TOKEN to go on without."
            )
        self._token = token
        self.base_url = base_url

    def __repr__(self) -> str:
        return f"BearerToken(for {self.base_url})"

    def covers(self, url: str) -> bool:
        return url.startswith(self.base_url) and ".." not in unquote(urlsplit(url).path)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.covers(request.url or ""):
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """Keeps ``requests`` from looking for a password of the user's for this host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class AuthKeepingSession(requests.Session):
    """``requests``' session with our rule for tokens, and the environment read once a host."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, dict[str, Any]] = {}

    def merge_environment_settings(self, url: str, *options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Proxies and certificates: looking them up takes a sixth of a small request's time."""
        host = urlsplit(url).netloc
        if host not in self._settings:
            self._settings[host] = super().merge_environment_settings(url, *options)
        return self._settings[host]

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """After a redirect: only what the token covers keeps it, on the same host too."""
        prepared_request.headers.pop("Authorization", None)
        if callable(self.auth):
            self.auth(prepared_request)
