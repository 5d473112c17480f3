"""Memory of the page over 5,000 predictions.

    python benchmarks/soak.py
    python benchmarks/soak.py --predictions 500    # a look

``python app.py`` on two cores answers four sessions, each asking again as soon as it is answered,
with another photograph each time. The first tenth is left out: by then every thread, session and
compiled function is there. Expect ten minutes.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.measuring import machine, save
from benchmarks.serving import Page, page, photograph, predict
from benchmarks.visitor import Visitor

PORT = 7879
SESSIONS = 4
STEPS = 10
PHOTOGRAPHS = 50


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--predictions", type=int, default=5_000)
    options.add_argument("--cores", type=int, default=2, help="of the page")
    chosen = options.parse_args()
    report = machine() | {"cores": chosen.cores, "predictions": chosen.predictions}
    with page(PORT, cores=chosen.cores) as served:
        memory = soak(served, chosen.predictions // STEPS)
    report["memory_mb"] = [round(value, 1) for value in memory]
    report["growth_mb"] = round(memory[-1] - memory[0], 1)
    save("soak", report)


def soak(served: Page, step: int) -> list[float]:
    """Predict; the resident memory (MB) after each of the steps."""
    content = [photograph(number) for number in range(PHOTOGRAPHS)]
    visitors = [Visitor(served.address) for _ in range(SESSIONS)]
    memory = []
    for number in range(STEPS):
        turns = count(number * step)
        end = (number + 1) * step

        def ask(visitor: Visitor, turns: count = turns, end: int = end) -> None:
            while (turn := next(turns)) < end:
                predict(visitor, content[turn % PHOTOGRAPHS], np.random.default_rng(turn))

        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(ask, visitors))
        memory.append(served.memory_mb())
    return memory


if __name__ == "__main__":
    main()
