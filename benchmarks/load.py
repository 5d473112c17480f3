"""Fifty visitors at once, for two minutes, on two cores.

    python benchmarks/load.py
    python benchmarks/load.py --users 10 --seconds 10 --pause 1    # a look

Each visitor has a session, uploads a photograph of 600 x 450 pixels, fills the fields in, presses
Predict, gets all that the page shows of it, and looks at it for ten seconds on average before the
next. ``python app.py`` runs on two cores of its own, the visitors on the others. Expect three
minutes. The exit status is 1 if a visitor met an error.
"""

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import requests

from benchmarks.measuring import machine, save, spread
from benchmarks.serving import page, photograph, predict
from benchmarks.visitor import Visitor

PORT = 7878


@dataclass
class Seen:
    """What all visitors met; lists are appended to by their threads."""

    milliseconds: list[float] = field(default_factory=list)  # from upload to answer
    places: list[int] = field(default_factory=list)  # in the queue, as told by the page
    errors: list[str] = field(default_factory=list)


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--users", type=int, default=50)
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--pause", type=float, default=10, help="seconds on average")
    options.add_argument("--cores", type=int, default=2, help="of the page")
    chosen = options.parse_args()
    about = {"users": chosen.users, "seconds": chosen.seconds, "pause_s": chosen.pause}
    report = machine() | about | {"cores": chosen.cores}
    seen = Seen()
    with page(PORT, cores=chosen.cores) as served:
        os.sched_setaffinity(0, other_cores(chosen.cores))
        report["memory_before_mb"] = round(served.memory_mb())
        crowd(served.address, chosen.users, chosen.seconds, pause=chosen.pause, seen=seen)
        report["memory_after_mb"] = round(served.memory_mb())
    report |= {"answers": len(seen.milliseconds), "errors": len(seen.errors)}
    if seen.milliseconds:
        report["answer"] = spread(seen.milliseconds)
        report["slowest_ms"] = round(max(seen.milliseconds))
        report["last_place"] = max(seen.places)
    save("load", report)
    print(*sorted(set(seen.errors)), sep="\n", file=sys.stderr)
    sys.exit(bool(seen.errors or not seen.milliseconds))


def other_cores(taken: int) -> set[int]:
    """Cores that the page does not run on; all, where it has them all."""
    cores = sorted(os.sched_getaffinity(0))
    return set(cores[taken:]) or set(cores)


def crowd(address: str, users: int, seconds: float, *, pause: float, seen: Seen) -> None:
    """Let so many visitors come and stay; returns when all have left."""
    end = time.monotonic() + seconds
    visits = [
        threading.Thread(
            target=visit, args=(address, number, end), kwargs={"pause": pause, "seen": seen}
        )
        for number in range(users)
    ]
    for thread in visits:
        thread.start()
    for thread in visits:
        thread.join()


def visit(address: str, number: int, end: float, *, pause: float, seen: Seen) -> None:
    """One visitor, until the end (on the monotonic clock); all press their first button at once."""
    rng, content = np.random.default_rng(number), photograph(number)
    try:
        visitor = Visitor(address)
        while time.monotonic() < end:
            start = time.perf_counter()
            predict(visitor, content, rng, on_rank=seen.places.append)
            seen.milliseconds.append(1000 * (time.perf_counter() - start))
            time.sleep(min(rng.exponential(pause), max(0.0, end - time.monotonic())))
    except (requests.RequestException, RuntimeError, ConnectionError) as error:
        seen.errors.append(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
