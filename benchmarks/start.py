"""From ``python app.py`` to the page and to the first answered prediction.

    taskset -c 0,1 python benchmarks/start.py

Starts the page as a user does, several times, on a warm disk, asks for a prediction at once, and
times the imports of the same page alone. Expect a minute.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from gradio_client import Client, handle_file

from benchmarks.measuring import machine, save
from tests.drawings import draw_lesion

ROOT = Path(__file__).parents[1]
PORT = 7877
IMPORTS = {
    "page": "import demo.page, demo.examples",
    "predictor": "import model.inference.predictor",
}


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    report = machine() | {"rounds": rounds}
    with tempfile.TemporaryDirectory() as folder:
        photograph = Path(folder) / "lesion.jpg"
        draw_lesion(0, seed=1, size=(600, 450)).save(photograph)
        starts = [started(photograph) for _ in range(rounds)]
    for name in starts[0]:
        report[name] = round(median(start[name] for start in starts), 2)
    for name, statement in IMPORTS.items():
        report[f"import_{name}_s"] = round(median(imported(statement) for _ in range(3)), 2)
    save("start", report)


def started(photograph: Path) -> dict[str, float]:
    """Start the page once: seconds until it is served and until it has answered; peak memory."""
    environment = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(PORT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, **quiet)
    try:
        address = f"http://127.0.0.1:{PORT}"
        while not served(address):
            time.sleep(0.02)
        up = time.perf_counter() - start
        client = Client(address, verbose=False)
        client.predict(handle_file(str(photograph)), 60, "male", "head/neck", api_name="/predict")
        answered = time.perf_counter() - start
        memory = peak_memory(server.pid)
    finally:
        server.terminate()
        server.wait()
    return {"page_up_s": up, "first_answer_s": answered, "peak_memory_mb": memory}


def served(address: str) -> bool:
    """Whether the page answers."""
    try:
        return requests.get(address, timeout=1).ok
    except requests.ConnectionError:
        return False


def imported(statement: str) -> float:
    """Seconds that a fresh Python takes for some imports, its own start included."""
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True, **quiet)
    return time.perf_counter() - start


def peak_memory(process: int) -> float:
    """Highest resident memory of a process so far, MB."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
