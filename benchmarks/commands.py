"""What people wait for in the shell: each command beside the least that it could do.

    python benchmarks/commands.py --data ISIC2019 MILK10K ACRAL ISIC2020

Each runs in a process of its own, with an empty cache. Beside it stands a process that does its
plainest part: hashing every image for ``explore``, dividing the table with scikit-learn for
``split``, one pass of the shipped network over the same images for ``calibrate`` and ``evaluate``,
both on the validation part. ``predict`` answers for 40 images, and notebook 02 searches and trains
on 1,200. Expect half an hour on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import machine, save
from model.data.dataset import read_folder
from model.inference.bundle import RELEASED, read_manifest

ROOT = Path(__file__).parents[1]
IMAGES = 2_000  # of the training part, for calibrate

HASHED = """
import sys
import imagehash
from PIL import Image
for path in open(sys.argv[1]).read().split():
    with Image.open(path) as image:
        imagehash.phash(image)
"""
DIVIDED = """
import sys
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
table = pd.read_csv(sys.argv[1])
next(StratifiedGroupKFold(7).split(table, table["diagnosis"], table["lesion_id"]))
"""
PASSED = """
import sys
from pathlib import Path
from model.inference.predictor import Predictor
from model.patient import Patient
paths = list(map(Path, open(sys.argv[1]).read().split()))
predictor = Predictor.load()
for _ in predictor.predict_files(paths, [Patient()] * len(paths)):
    pass
"""
NOTEBOOK = """
import json, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
book, data, out, weights = sys.argv[1:]
lesson = ["--backbone", "mobilenet_0.75", "--image-side", "96", "--weights", weights]
shell = InteractiveShell.instance()
for cell in json.loads(Path(book).read_text())["cells"]:
    if cell["cell_type"] == "code":
        source = "".join(cell["source"]).replace("%matplotlib inline", "")  # there is no window
        shell.run_cell(source).raise_error()
        if "SEARCH" in shell.user_ns:
            shell.user_ns |= {"DATA": Path(data), "SEARCH": Path(out) / "s", "RUN": Path(out) / "r"}
            shell.user_ns |= {"EPOCHS": 9, "OPTIONS": lesson}
"""


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="images of ISIC 2019, and for calibrate the other folders of the shipped network",
    )
    options.add_argument(
        "--weights",
        default="imagenet",
        help="of MobileNet 0.75, for the notebook (default imagenet)",
    )
    chosen = options.parse_args()
    data, *further = [folder.resolve() for folder in chosen.data]
    manifest, table = read_manifest(RELEASED), read_folder(data).table
    parts = {part: manifest.split.part(part, table) for part in ("train", "validation")}
    report = machine() | {"images": len(table), "validation_images": len(parts["validation"])}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        report |= without_a_network(data, table, folder)
        report |= with_a_network(data, further, parts, folder)
        save("commands", report)  # what follows takes longest
        few = subset(table.sample(1_200, random_state=0), data, folder / "few")
        book = ROOT / "notebooks" / "02_tune_and_train.ipynb"
        report["notebook_s"] = seconds("-c", NOTEBOOK, book, few, folder / "out", chosen.weights)
    save("commands", report)


def without_a_network(data: Path, table: pd.DataFrame, folder: Path) -> dict[str, float]:
    """``explore`` and ``split``."""
    every = listed(table, folder)
    table.drop(columns="path").to_csv(folder / "table.csv", index=False)
    command = ("-m", "model")
    return beside(
        "explore",
        seconds(*command, "explore", "--data", data, "--out", folder / "page"),
        seconds("-c", HASHED, every),
    ) | beside(
        "split",
        seconds(*command, "split", "--data", data, "--out", folder / "split.json"),
        seconds("-c", DIVIDED, folder / "table.csv"),
    )


def with_a_network(
    data: Path, further: list[Path], parts: dict[str, pd.DataFrame], folder: Path
) -> dict[str, float]:
    """``predict``, ``calibrate`` and ``evaluate``."""
    validation = parts["validation"]
    forty = subset(validation[:40], data, folder / "forty")
    report = {
        "predict_s": seconds("-m", "model", "predict", forty / "images", "--out", folder / "p.csv")
    }
    bundle = shutil.copytree(RELEASED, folder / "bundle")
    where = ("--bundle", bundle, "--cache")
    passed = seconds("-c", PASSED, listed(validation, folder))
    report |= beside(
        "evaluate",
        seconds(
            "-m",
            "model",
            "evaluate",
            "--data",
            data,
            *where,
            folder / "a",
            "--part",
            "validation",
            "--out",
            folder / "report",
        ),
        passed,
    )
    drawn = pd.concat([validation, parts["train"].sample(IMAGES, random_state=0)])
    plain = seconds("-c", PASSED, listed(drawn, folder))
    return report | beside(
        "calibrate",
        seconds(
            *("-m", "model", "calibrate", "--data", data, *further),
            *(*where, folder / "b", "--images", IMAGES),
        ),
        plain,
    )


def beside(name: str, took: float, plain: float) -> dict[str, float]:
    """Seconds of both, and how many times as long the command takes."""
    return {f"{name}_s": took, f"{name}_plain_s": plain, f"{name}_to_plain": round(took / plain, 2)}


def listed(table: pd.DataFrame, folder: Path) -> Path:
    """A file that names the images."""
    file = folder / "paths.txt"
    file.write_text("\n".join(map(str, table["path"])))
    return file


def subset(table: pd.DataFrame, data: Path, out: Path) -> Path:
    """A data folder of some images."""
    (out / "images").mkdir(parents=True)
    for path in table["path"]:
        shutil.copy(path, out / "images")
    for pattern in ("*GroundTruth.csv", "*Metadata.csv"):
        shutil.copy(next(data.glob(pattern)), out)
    return out


def seconds(*words: object) -> float:
    """How long a Python process takes; its output is dropped.

    Raises:
        RuntimeError: it failed.
    """
    start = time.perf_counter()
    command = [sys.executable, *map(str, words)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    if ended.returncode:
        raise RuntimeError(f"{json.dumps(command)[-300:]}: {ended.stderr[-1000:]}")
    return round(time.perf_counter() - start, 1)


if __name__ == "__main__":
    main()
