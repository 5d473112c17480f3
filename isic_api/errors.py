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
│   ├── HostDownError            no answer, or an answer cut short
│   ├── ServerFaultError         429, 5xx
│   ├── NotFoundError            404
│   ├── TokenRefusedError        401, 403
│   ├── RefusedError             any other 4xx
│   ├── UnexpectedAnswerError    an undocumented answer
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
    exit_code = 2


class SettingsError(BadInputError):
    pass


class QueryError(BadInputError):
    pass


class UnknownCollectionError(BadInputError):
    pass


class BadIdListError(BadInputError):
    pass


class EmptyResultError(BadInputError):
    pass


class FolderError(ArchiveError):
    pass


class NotWritableError(FolderError):
    pass


class DiskFullError(FolderError):
    pass


class FolderBusyError(FolderError):
    pass


class RequestError(ArchiveError):
    pass


class HostDownError(RequestError):
    pass


class ServerFaultError(RequestError):
    pass


class NotFoundError(RequestError):
    pass


class TokenRefusedError(RequestError):
    exit_code = 2


class RefusedError(RequestError):
    pass


class UnexpectedAnswerError(RequestError):
    pass


class BadFileError(RequestError):
    pass


class IncompleteListingError(ArchiveError):
    pass


class StoppedError(ArchiveError):
    exit_code = 130
