"""Images per second from a folder, beside the network's forward pass alone.

    taskset -c 0,1 python benchmarks/batch.py

A folder of drawn 600 x 450 JPEGs goes through the predictor as ``python -m model predict`` does
it; then the same number of prepared images through the network alone, over as many TTA views. The
cores of the process are those that the system gives it. Expect a minute.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.measuring import machine, save
from model.inference.predictor import Predictor
from model.patient import Patient
from tests.drawings import draw_lesion


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=512)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    predictor = Predictor.load()
    with tempfile.TemporaryDirectory() as folder:
        paths = drawn(Path(folder), given.images)
        patients = [Patient()] * len(paths)
        prepared = np.stack([predictor.manifest.image.load(path) for path in paths])
        ways = {
            "folder": lambda: list(predictor.predict_files(paths, patients)),
            "network_alone": lambda: predictor.predict_images(prepared, patients),
        }
        seconds = {name: [] for name in ways}
        for number in range(given.rounds + 1):
            for name, work in ways.items():
                start = time.perf_counter()
                work()
                if number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - start)
    middle = {name: median(times) for name, times in seconds.items()}
    report = machine() | {
        "network": predictor.manifest.name,
        "tta_views": predictor.manifest.tta_views,
        "images": given.images,
        **{f"{name}_images_per_s": round(given.images / s, 1) for name, s in middle.items()},
        "folder_to_network": round(middle["folder"] / middle["network_alone"], 2),
    }
    save(f"batch_{report['cores']}_cores", report)


def drawn(folder: Path, count: int) -> list[Path]:
    """Write a few drawings under many names."""
    contents = []
    for number in range(16):
        path = folder / f"drawing_{number}.jpg"
        draw_lesion(number % 8, seed=number, size=(600, 450)).save(path, quality=92)
        contents.append(path.read_bytes())
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(contents[number % len(contents)])
    return paths


if __name__ == "__main__":
    main()
