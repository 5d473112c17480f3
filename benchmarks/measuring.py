"""What the benchmarks share: the machine they ran on, spread of times, and where results go."""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def machine() -> dict:
    """What a figure must not be read without."""
    return {
        "date": date.today().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def milliseconds(work: Callable[[], object], *, rounds: int, warm_up: int = 3) -> list[float]:
    """Run so often and give the times, the first few left out."""
    times = []
    for number in range(rounds + warm_up):
        start = time.perf_counter()
        work()
        if number >= warm_up:
            times.append(1000 * (time.perf_counter() - start))
    return times


def in_turn(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Times of each way, milliseconds, a tenth of the rounds of each before the next one.

    So that whatever else the machine does meets all of them alike.
    """
    times = {name: milliseconds(work, rounds=1) for name, work in ways.items()}  # warms up
    for found in times.values():
        found.clear()
    for _ in range(10):
        for name, work in ways.items():
            times[name] += milliseconds(work, rounds=max(1, rounds // 10), warm_up=1)
    return times


def spread(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, two decimals."""
    return {
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }


def save(name: str, report: dict) -> None:
    """Print a report and write it to benchmarks/NAME.json."""
    text = json.dumps(report, indent=2)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


class OwnMemory:
    """Watches the memory of this process that no file backs; ``before`` and ``highest`` in MB."""

    def __enter__(self) -> "OwnMemory":
        """Begin to watch."""
        self.before = self.highest = _held()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop watching."""
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.highest = max(self.highest, _held())


def _held() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    held = next(line for line in lines if line.startswith("RssAnon"))
    return int(held.split()[1]) // 1024
