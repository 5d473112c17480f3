"""This process's place in a search on several machines, by Keras Tuner's environment variables.

    KERASTUNER_TUNER_ID      "chief" on one machine, on each worker another name of its own
    KERASTUNER_ORACLE_IP     address of the chief
    KERASTUNER_ORACLE_PORT   port of the chief

All of them run the same command and see the same ``--out``. The chief gives out trials; start it
first.
"""

import os
import socket

import grpc

from model.errors import SearchError
from model.loopback import reach_directly, require_port

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
_PATIENCE = 10  # seconds for the chief to answer


def is_distributed() -> bool:
    """Whether the environment makes this process a chief or a worker."""
    return VARIABLES[1] in os.environ or VARIABLES[2] in os.environ


def is_chief() -> bool:
    """Whether this process gives out the trials."""
    return is_distributed() and "chief" in os.environ.get(VARIABLES[0], "")


def is_worker() -> bool:
    """Whether this process asks another for its trials."""
    return is_distributed() and not is_chief()


def require_place() -> None:
    """Check the variables, and on a worker that the chief answers.

    Raises:
        SearchError: a variable is missing, the chief is silent, or on the chief its port is taken.
    """
    if not is_distributed():
        return
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise SearchError(
            f"the environment lacks {' and '.join(missing)}. A search on several machines needs "
            f"{', '.join(VARIABLES)}; unset them all to search on one."
        )
    try:
        require_port(VARIABLES[2])
    except ValueError as error:
        raise SearchError(str(error)) from error
    reach_directly(os.environ[VARIABLES[1]])  # also Keras Tuner's own channel
    if is_chief():
        _require_free_port()
    else:
        require_chief()


def require_chief() -> None:
    """Check that the chief answers.

    Raises:
        SearchError: it did not within ten seconds.
    """
    with grpc.insecure_channel(_address()) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_PATIENCE)
        except grpc.FutureTimeoutError as error:
            raise SearchError(
                f"the chief at {_address()} cannot be reached. Start it first, with the same "
                "command and KERASTUNER_TUNER_ID=chief, or correct address and port."
            ) from error


def _require_free_port() -> None:
    ip, port = os.environ[VARIABLES[1]], int(os.environ[VARIABLES[2]])
    try:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((ip, port))
    except OSError as error:
        raise SearchError(
            f"the chief cannot listen at {_address()}: {error.strerror}. Give this machine's "
            "address and a free port."
        ) from error


def _address() -> str:
    return f"{os.environ[VARIABLES[1]]}:{os.environ[VARIABLES[2]]}"
