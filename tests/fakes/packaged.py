"""Tiny trainings that are packaged, and processes that know none of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from model.__main__ import main
from model.data.dataset import read_folder
from model.data.split import Split
from tests.drawings import draw_folder

ROOT = Path(__file__).parents[2]

OPENED = """
import json, sys
from pathlib import Path
from model.patient import Patient
from model.inference.predictor import Predictor

image, *bundles = map(Path, sys.argv[1:])
for bundle in bundles:
    predictor = Predictor.load(bundle)
    predictor.warm_up()
    study = predictor.study(image)
    found = study.probabilities(Patient(age=50.0, sex="male"))
    print(json.dumps([sum(found.values()), study.ood_score, len(study.similar(1))]))
"""
PREDICTED = """
import sys
from pathlib import Path
from model.__main__ import main

images, *bundles = sys.argv[1:]
for bundle in bundles:
    out = Path(bundle).parent / "predicted.csv"
    assert main(["predict", images, "--bundle", bundle, "--out", str(out)]) == 0, bundle
"""


def draw_few(folder):
    """A melanoma and a nevus to learn from, the same again to judge by, and twelve others."""
    data = draw_folder(folder / "data", lesions=2, images_per_lesion=1)
    images = read_folder(data).table["image"].tolist()
    parts = images[0:4:2], images[1:4:2], images[4:]
    split = Split(*map(tuple, parts), rule="by hand", seed=0)
    split.save(folder / "split.json")
    return SimpleNamespace(folder=folder, data=data, split=folder / "split.json")


def trained(few, out, *settings):
    """Train one step by the command, package, and keep only the bundle."""
    words = ["train", "--data", few.data, "--split", few.split, "--out", out]
    words += ["--cache", few.folder / "cache", "--batch-size", 2, "--epochs", 1, *settings]
    assert main([str(word) for word in words]) == 0
    bundle = out / "bundle"
    for other in set(out.iterdir()) - {bundle}:
        shutil.rmtree(other) if other.is_dir() else other.unlink()
    return bundle


def opened_afresh(few, *bundles):
    """Open bundles by the page's loader and by ``predict``, in processes of their own."""
    image = min((few.data / "images").iterdir())
    lines = fresh("-c", OPENED, image, *bundles).splitlines()
    fresh("-c", PREDICTED, few.data / "images", *bundles)
    for bundle, line in zip(bundles, lines, strict=True):
        total, ood, similar = json.loads(line)
        assert total == pytest.approx(1), bundle
        assert np.isfinite(ood), bundle
        assert similar == 1, bundle
        rows = (bundle.parent / "predicted.csv").read_text().splitlines()
        assert len(rows) == 1 + 16, bundle


def fresh(*words):
    """What a new Python process says; what went wrong if it ended so."""
    command = [sys.executable, *map(str, words)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout
