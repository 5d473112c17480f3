"""All exceptions of this package.

Every message names the offender, the rule and the next step. Only the command line catches
them: it prints the message as one line and exits with ``exit_code``.

ArchiveError
├── BadInputError                invalid request
│   ├── SettingsError            base URL or token
│   ├── QueryError               not in the search language
│   ├── UnknownCollectionError   no such name or id, or private
│   ├── BadIdListError           the file behind --ids
│   └── EmptyResultError         nothing matches
├── FolderError                  the output folder
│   ├── NotWritableError
│   ├── DiskFullError
│   └── FolderBusyError          another download writes to it
├── RequestError                 one request, after all its attempts
│   ├── HostDownError            no answer, or an response cut short
│   ├── ServerFaultError         429, 5xx
│   ├── NotFoundError            404
│   ├── TokenRefusedError        401, 403
│   ├── RefusedError             any other 4xx
│   ├── UnexpectedAnswerError    an undocumented response
│   └── BadFileError             the file was downloaded but is damaged
├── IncompleteListingError       the listing ended early or looped
└── StoppedError                 Ctrl-C while waiting
"""

import errno

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The system's error numbers of a full disk, an exhausted quota or a file size limit."""


class ArchiveError(Exception):
    """Base class; ``exit_code`` is what the command line returns."""

    exit_code = 1


class BadInputError(ArchiveError):
    """The request is invalid; the command line exits with 2."""

    exit_code = 2


class SettingsError(BadInputError):
    """The base URL or the token is malformed."""


class QueryError(BadInputError):
    """The query is not in the Archive's search language."""


class UnknownCollectionError(BadInputError):
    """No collection has this name or id, or it is private."""


class BadIdListError(BadInputError):
    """The file behind ``--ids`` cannot be read as a list of ids."""


class EmptyResultError(BadInputError):
    """Nothing matches the selection."""


class FolderError(ArchiveError):
    """The output folder or file cannot be used."""


class NotWritableError(FolderError):
    """A permission, a read-only disk or another file is in the way."""


class DiskFullError(FolderError):
    """The disk is full, or a quota or file size limit is reached."""


class FolderBusyError(FolderError):
    """Another download is writing to the folder."""


class RequestError(ArchiveError):
    """One request failed after all its attempts."""


class HostDownError(RequestError):
    """There was no response, or it was cut short."""


class ServerFaultError(RequestError):
    """The server answered 429 or 5xx."""


class NotFoundError(RequestError):
    """The server answered 404."""


class TokenRefusedError(RequestError):
    """The server answered 401 or 403; the command line exits with 2."""

    exit_code = 2


class RefusedError(RequestError):
    """The server answered any other 4xx."""


class UnexpectedAnswerError(RequestError):
    """The response does not have the documented form."""


class BadFileError(RequestError):
    """A file was downloaded but is damaged."""


class IncompleteListingError(ArchiveError):
    """The listing ended early or looped."""


class StoppedError(ArchiveError):
    """The user interrupted a wait; the command line exits with 130."""

    exit_code = 130
