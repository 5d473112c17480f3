"""Time and memory of `isic_api download` beside the official client, on a local server.

    python -m venv /tmp/isic-cli && /tmp/isic-cli/bin/pip install isic-cli
    python benchmarks/download.py --isic /tmp/isic-cli/bin/isic

The official client is no requirement of this project and lives in an environment of its own; its
``--dev`` switch talks to http://127.0.0.1:8000, so that port must be free. The fake Archive of
the tests serves both, in a process of its own. Expect two minutes, and a table like the one
saved in benchmarks/download.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PORT = 8000  # where `isic --dev` looks
URL = f"http://127.0.0.1:{PORT}/api/v2/"
OURS = [sys.executable, "-m", "isic_api", "download"]
COLLECTION = "65"


def main() -> None:
    options = parse()
    report = {
        "date": date.today().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "isic_cli": version(options.isic),
        "image_bytes": 5_800,
        "workers": options.workers,
        "load_before": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory() as scratch:
        report |= compare(Path(scratch), options)
        report |= grow(Path(scratch), options)
    print(table(report))
    path = ROOT / "benchmarks/download.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nsaved in {path.relative_to(ROOT)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isic", required=True, help="the official client's program")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=20_000, help="for memory and resuming")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5, help="of both clients, in turn")
    return parser.parse_args()


def compare(scratch: Path, options: argparse.Namespace) -> dict[str, object]:
    """Both clients in turn on the same server, each time into a fresh folder."""
    ours, theirs, memory = [], [], []
    with server(options.images):
        warm_up(scratch / "few")
        for at in range(options.rounds):
            seconds, peak = run([*OURS, str(scratch / f"ours{at}"), *flags(options)])
            ours.append(seconds)
            memory.append(peak)
            check(scratch / f"ours{at}/images", options.images)
            theirs_out = scratch / f"theirs{at}"
            command = [options.isic, "--dev", "--no-version-check", "image", "download"]
            theirs.append(run([*command, "-c", COLLECTION, str(theirs_out)])[0])
            check(theirs_out, options.images)
    return {
        "images": options.images,
        "ours_s": [round(one, 2) for one in ours],
        "isic_cli_s": [round(one, 2) for one in theirs],
        "ours_median_s": round(median(ours), 2),
        "isic_cli_median_s": round(median(theirs), 2),
        "speed_ratio": round(median(theirs) / median(ours), 2),
        "memory_mb": round(median(memory), 1),
    }


def grow(scratch: Path, options: argparse.Namespace) -> dict[str, object]:
    """Ten times as many images: peak memory, and a second run on the finished folder."""
    command = [*OURS, str(scratch / "many"), *flags(options)]
    with server(options.many):
        warm_up(scratch / "more")
        seconds, memory = run(command)
        check(scratch / "many/images", options.many)
        resumed = [run(command) for _ in range(3)]
    return {
        "many": options.many,
        "many_s": round(seconds, 2),
        "many_memory_mb": round(memory, 1),
        "resume_s": [round(seconds, 2) for seconds, _ in resumed],
        "resume_median_s": round(median(seconds for seconds, _ in resumed), 2),
        "resume_memory_mb": round(median(memory for _, memory in resumed), 1),
    }


def flags(options: argparse.Namespace) -> list[str]:
    return ["--collection", COLLECTION, "--workers", str(options.workers), "--base-url", URL]


@contextmanager
def server(images: int):  # noqa: ANN201
    command = [sys.executable, str(ROOT / "tests/fake_archive.py"), "--port", str(PORT)]
    process = subprocess.Popen(
        [*command, "--train", str(images), "--test", "0"], stdout=subprocess.PIPE
    )
    process.stdout.readline()  # its address, once it listens
    try:
        yield
    finally:
        process.kill()
        process.wait()


def warm_up(out: Path) -> None:
    """Let the server make its pictures before anyone is timed."""
    run([*OURS, str(out), "--limit", "640", "--base-url", URL])


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


def version(isic: str) -> str:
    done = subprocess.run([isic, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def table(report: dict) -> str:
    few, many = f"{report['images']:,}", f"{report['many']:,}"
    rows = [
        (f"{few} images, {report['workers']} workers", f"{report['ours_median_s']} s"),
        (f"{few} images, isic-cli {report['isic_cli']}", f"{report['isic_cli_median_s']} s"),
        ("times faster", f"{report['speed_ratio']}"),
        (f"peak memory, {few} images", f"{report['memory_mb']} MB"),
        (f"peak memory, {many} images", f"{report['many_memory_mb']} MB"),
        (f"{many} images", f"{report['many_s']} s"),
        (f"again on the finished folder of {many}", f"{report['resume_median_s']} s"),
    ]
    return "\n".join(f"{name:42} {value:>10}" for name, value in rows)


if __name__ == "__main__":
    main()
