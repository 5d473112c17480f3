"""This process's place in a search on several machines, by Keras Tuner's environment variables.

    KERASTUNER_TUNER_ID      "chief" on one machine, on each worker another name of its own
    KERASTUNER_ORACLE_IP     address of the chief
    KERASTUNER_ORACLE_PORT   port of the chief

All of them run the same command and see the same ``--out``. The chief gives out trials; start it
first.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

import grpc

from model.environment import reach_directly, require_port
from model.errors import SearchError

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


def require_cluster() -> None:
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


LOOPBACK = "127.0.0.1"
MOST_RESTARTS = 10  # of one worker

SHARING = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Without these, the first worker on a GPU takes all of its memory."""

_POLL = 0.2  # seconds between two polls of the processes
_START = 120  # seconds for the chief to load and listen


def run_workers(arguments: Sequence[str], *, count: int, logs: Path) -> None:
    """Run ``python -m model`` with these arguments as a chief and so many workers, to the end.

    Output of workers goes to ``logs/NAME.log``, that of the chief to this process' output.

    Raises:
        SearchError: the chief failed, or a worker died again and again.
    """
    logs.mkdir(parents=True, exist_ok=True)
    place = {"KERASTUNER_ORACLE_IP": LOOPBACK, "KERASTUNER_ORACLE_PORT": str(_free_port())}
    command = [sys.executable, "-m", "model", *arguments]
    processes = {"chief": _start(command, place, "chief", gpu="-1")}
    try:
        _wait_for(processes["chief"], place)
        begin = {}
        for number, gpu in zip(range(1, count + 1), cycle(_gpus()), strict=False):
            name = f"worker{number}"
            log = logs / f"{name}.log"
            begin[name] = partial(_start, command, place, name, gpu=gpu, log=log)
            processes[name] = begin[name]()
        _watch(processes, begin, logs)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


def _watch(processes: dict, begin: dict, logs: Path) -> None:
    """Start dead workers again until the chief has ended."""
    starts = dict.fromkeys(begin, 1)
    while processes["chief"].poll() is None:
        time.sleep(_POLL)
        for name in begin:
            if processes[name].poll() in (None, 0):
                continue
            if starts[name] > MOST_RESTARTS:
                raise SearchError(
                    f"{name} died {starts[name]} times. Read {logs / name}.log; finished trials "
                    "are kept, and the same command resumes."
                )
            starts[name] += 1
            processes[name] = begin[name]()
    if processes["chief"].returncode:
        raise SearchError(
            "the chief failed, as it says above. Finished trials are kept, and the same command "
            "resumes."
        )


def _start(
    command: list[str],
    place: dict[str, str],
    name: str,
    *,
    gpu: str | None,
    log: Path | None = None,
) -> subprocess.Popen:
    environment = SHARING | os.environ | place | {"KERASTUNER_TUNER_ID": name}
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    if log is None:
        return subprocess.Popen(command, env=environment)
    with log.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


def _wait_for(chief: subprocess.Popen, place: dict[str, str]) -> None:
    """Wait until the chief listens: workers refuse to start without one."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and chief.poll() is None:
        with socket.socket() as trial:
            if not trial.connect_ex((LOOPBACK, int(place["KERASTUNER_ORACLE_PORT"]))):
                return
        time.sleep(_POLL)
    raise SearchError("the chief did not start; its output is above.")


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind((LOOPBACK, 0))
        return trial.getsockname()[1]


def _gpus() -> list[str | None]:
    """The GPUs that workers take turns with: the visible ones, else all that the driver lists."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return visible.split(",")
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return [None]
    return [str(number) for number in range(len(listed.stdout.splitlines()))] or [None]
