"""Time and memory of `isic_api download`, from the fake Archive of the tests.

    python benchmarks/download.py

The fake Archive answers at once, from a process of its own on this machine, so that these are the
client's own costs; with the real Archive, the server and the network decide. Expect two minutes,
and a table like the one saved in benchmarks/download.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
DOWNLOAD = [sys.executable, "-m", "isic_api", "download"]
COLLECTION = "65"


def main() -> None:
    options = parse()
    report = {
        "date": date.today().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "image_bytes": 5_800,
        "workers": options.workers,
        "load_before": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory() as scratch:
        report |= download_few(Path(scratch), options)
        report |= download_many(Path(scratch), options)
    print(table(report))
    path = ROOT / "benchmarks/download.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nsaved in {path.relative_to(ROOT)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=20_000, help="for memory and resuming")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def download_few(scratch: Path, options: argparse.Namespace) -> dict[str, object]:
    """Time and peak memory, each time into a fresh folder."""
    with server(options.images) as url:
        warm_up(scratch / "few", url)
        runs = []
        for at in range(options.rounds):
            out = scratch / str(at)
            runs.append(run([*DOWNLOAD, str(out), *flags(options, url)]))
            check(out / "images", options.images)
    return {
        "images": options.images,
        "seconds": [round(seconds, 2) for seconds, _ in runs],
        "median_s": round(median(seconds for seconds, _ in runs), 2),
        "memory_mb": round(median(memory for _, memory in runs), 1),
    }


def download_many(scratch: Path, options: argparse.Namespace) -> dict[str, object]:
    """Ten times as many images: peak memory, and a second run on the finished folder."""
    with server(options.many) as url:
        command = [*DOWNLOAD, str(scratch / "many"), *flags(options, url)]
        warm_up(scratch / "more", url)
        seconds, memory = run(command)
        check(scratch / "many/images", options.many)
        resumed = [run(command) for _ in range(options.rounds)]
    return {
        "many": options.many,
        "many_s": round(seconds, 2),
        "many_memory_mb": round(memory, 1),
        "resume_s": [round(seconds, 2) for seconds, _ in resumed],
        "resume_median_s": round(median(seconds for seconds, _ in resumed), 2),
        "resume_memory_mb": round(median(memory for _, memory in resumed), 1),
    }


def flags(options: argparse.Namespace, url: str) -> list[str]:
    return ["--collection", COLLECTION, "--workers", str(options.workers), "--base-url", url]


@contextmanager
def server(images: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.fakes.archive", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--train", str(images), "--test", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def warm_up(out: Path, url: str) -> None:
    """Let the server make its pictures before anyone is timed."""
    run([*DOWNLOAD, str(out), "--limit", "640", "--base-url", url])


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed with status {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def check(folder: Path, images: int) -> None:
    found = len(list(folder.glob("*.jpg")))
    if found != images:
        raise SystemExit(f"{found} of {images} images arrived")


def table(report: dict) -> str:
    few, many = f"{report['images']:,}", f"{report['many']:,}"
    rows = [
        (f"{few} images, {report['workers']} workers", f"{report['median_s']} s"),
        (f"peak memory, {few} images", f"{report['memory_mb']} MB"),
        (f"peak memory, {many} images", f"{report['many_memory_mb']} MB"),
        (f"{many} images", f"{report['many_s']} s"),
        (f"again on the finished folder of {many}", f"{report['resume_median_s']} s"),
    ]
    return "\n".join(f"{name:42} {value:>10}" for name, value in rows)


if __name__ == "__main__":
    main()
