"""How long the tests take: `make test` without lint, `make test-slow`, and the slowest files.

    make test-times

Runs every test once, and nothing else should run meanwhile. A file's time is that of its tests and
fixtures, on one core; the two whole times are what one waits for. Saved in benchmarks/suite.json.
"""

import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import machine, save

SHOWN = 12  # files


def main() -> None:
    """Measure, print and save."""
    report = machine()
    with tempfile.TemporaryDirectory() as folder:
        for name, command in zip(("fast", "slow"), sys.argv[1:], strict=True):
            report |= measured(name, command, Path(folder) / f"{name}.xml")
    save("suite", report)


def measured(name: str, command: str, results: Path) -> dict:
    """Run one command of pytest; its whole time, tests, and the files that took longest."""
    start = time.perf_counter()
    subprocess.run([*shlex.split(command), f"--junitxml={results}"], check=True)
    seconds = round(time.perf_counter() - start)
    cases = list(ElementTree.parse(results).iter("testcase"))
    return {
        f"{name}_s": seconds,
        f"{name}_tests": len(cases),
        f"{name}_slowest_files_s": slowest_files(cases),
    }


def slowest_files(cases: list[ElementTree.Element]) -> dict[str, float]:
    """Seconds of the test files that took longest, the longest first."""
    seconds = Counter()
    for case in cases:
        seconds[case.attrib["classname"]] += float(case.attrib["time"])
    return {name: round(spent, 1) for name, spent in seconds.most_common(SHOWN)}


if __name__ == "__main__":
    main()
