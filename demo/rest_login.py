"""The page's log-in, asked for by the REST endpoint too: HTTP Basic, name and password."""

from collections.abc import Sequence
from secrets import compare_digest
from typing import Annotated

from fastapi import Depends
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from demo.access import Access
from demo.rest_refusals import Refusal


def log_in(access: Access) -> Sequence[Dependency]:
    """What an endpoint has to depend on: nothing where everybody is let in."""
    if not access.logins:
        return ()
    given = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]

    def check(credentials: given) -> None:
        if credentials is None or not _known(credentials, access):
            sentence = "Send the page's name and password, as in: curl --user NAME:PASSWORD"
            raise Refusal("no_login", sentence, headers={"WWW-Authenticate": "Basic"})

    return (Depends(check),)


def _known(credentials: HTTPBasicCredentials, access: Access) -> bool:
    said = f"{credentials.username}:{credentials.password}".encode()
    # All are compared, so that the time tells nothing.
    return sum(compare_digest(said, ":".join(login).encode()) for login in access.logins) > 0
