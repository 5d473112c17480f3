"""Images a second of a training: the feed alone, the steps, and what holds them up.

    taskset -c 0,1 python benchmarks/train.py feeding
    taskset -c 0,1 python benchmarks/train.py precision
    taskset -c 0,1 python benchmarks/train.py batch --sizes 16 64
    taskset -c 0,1 python benchmarks/train.py batch --sizes 128
    KERAS_BACKEND=jax python benchmarks/train.py feeding precision batch --images 20000

The project's own fitting, augmentation and all, with MobileNet 0.75 at 128 px and random weights,
on drawn images. ``feeding`` measures the batches alone; a training that they feed; the same with
one batch over and over, which waits for nothing; and the same network fed by Keras'
image_dataset_from_directory, which decodes in every epoch. ``precision`` compares float32 with
mixed_bfloat16, ``batch`` sizes of batches. Results are added to train.json, or on a GPU to
train_gpu.json, which names it and the rate at which it multiplies large matrices. About a minute a
line on two cores.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.device import device_name, matrix_tflops
from benchmarks.measuring import FOLDER, OwnMemory, machine, save
from model.networks.figure import multiply_adds
from model.patient import Patient, PatientEncoder
from model.tasks import task_of
from model.training.augmentation import build_augmenter
from model.training.batches import Part, TrainingBatches
from model.training.fit import fit
from model.training.settings import TrainConfig
from model.training.train import build_of
from tests.drawings import draw_lesion

PARTS = ("feeding", "precision", "batch")
CLASSES, WARM_UP = 8, 3  # steps before the clock runs
ENCODER = PatientEncoder.fit([Patient(age=age) for age in (20.0, 50.0, 80.0)])
CONFIG = TrainConfig(
    backbone="mobilenet_0.75", weights="none", epochs=1, schedule="constant", keep="last"
)


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("parts", nargs="+", choices=PARTS)
    options.add_argument("--images", type=int, default=640, help="that are timed of each training")
    options.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    given = options.parse_args()
    device = device_name()
    name = "train_gpu" if device else "train"
    report = _earlier(name) | machine() | _setting(device)
    for part in given.parts:
        report |= globals()[part](given)
    save(name, report)


def feeding(given: argparse.Namespace) -> dict:
    """What feeding costs, and what a plain pipeline would."""
    part = drawn_part(given.images + WARM_UP * CONFIG.batch_size)
    batches, epochs = training_batches(part), 5
    start = time.perf_counter()
    seen = sum(len(batches[n][1]) for _ in range(epochs) for n in range(len(batches)))
    found = {"feed_images_per_s": round(seen / (time.perf_counter() - start))}
    with OwnMemory() as memory:
        fed = fitting(CONFIG, part)
    held = over_and_over(part)
    found |= {
        "training_images_per_s": round(fed, 1),
        "without_feeding_images_per_s": round(held, 1),
        "waiting_percent": round(max(0.0, 100 * (1 - fed / held)), 1),
        "training_memory_mb": memory.highest,
        "training_own_memory_mb": memory.highest - memory.before,
    }
    if importlib.util.find_spec("tensorflow"):
        plain = plainly_fed(given.images)
        found["plain_pipeline_images_per_s"] = round(plain, 1)
        found["training_to_plain_pipeline"] = round(fed / plain, 2)
    return found


def precision(given: argparse.Namespace) -> dict:
    """float32 beside mixed_bfloat16."""
    part = drawn_part(given.images + WARM_UP * CONFIG.batch_size)
    rates = {
        kind: fitting(CONFIG.with_(precision=kind), part) for kind in ("float32", "mixed_bfloat16")
    }
    return {
        "float32_images_per_s": round(rates["float32"], 1),
        "bfloat16_images_per_s": round(rates["mixed_bfloat16"], 1),
        "bfloat16_to_float32": round(rates["mixed_bfloat16"] / rates["float32"], 2),
    }


def batch(given: argparse.Namespace) -> dict:
    """Sizes of batches; on a GPU beside the rate at which it multiplies large matrices."""
    kind = "mixed_bfloat16" if device_name() else "float32"
    found = {}
    for size in given.sizes:
        rate = fitting(
            CONFIG.with_(batch_size=size, precision=kind), drawn_part(given.images + 3 * size)
        )
        found[f"batch_{size}_images_per_s"] = round(rate, 1)
        found[f"batch_{size}_step_ms"] = round(1000 * size / rate, 1)
    peak = matrix_tflops("bfloat16" if device_name() else "float32")
    network = build_of(CONFIG, ENCODER, task_of(CONFIG.task, []))
    # Forwards once, backwards twice, a multiplication and an addition each.
    reached = rate * 3 * 2 * multiply_adds(network) / 1e12
    return found | {
        "matrix_tflops": round(peak, 2),
        "largest_batch_percent_of_matrix_rate": round(100 * reached / peak, 1),
    }


def fitting(config: TrainConfig, part: Part) -> float:
    """Images a second of the project's own fitting, one epoch of a part."""
    clock = Clock(config.batch_size)
    network = build_of(config, ENCODER, task_of(config.task, []))
    with tempfile.TemporaryDirectory() as out, redirect_stdout(StringIO()):
        fit(network, part, drawn_part(8), ENCODER, config, out=Path(out), callbacks=[clock])
    return clock.images_per_s


def over_and_over(part: Part) -> float:
    """Images a second of the same training steps where the first batch is every batch."""
    batches = training_batches(part)

    class First(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, number: int) -> tuple:
            return first

    first = batches[0]
    return _timed(First())


def plainly_fed(count: int) -> float:
    """Images a second of the same steps, fed by image_dataset_from_directory."""
    size, side = CONFIG.batch_size, CONFIG.image_side
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count + WARM_UP * size):
            path = Path(folder) / str(number % CLASSES) / f"{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            draw_lesion(number % CLASSES, seed=number % 64, size=(600, 450)).save(path, quality=92)
        images = keras.utils.image_dataset_from_directory(
            folder,
            label_mode="categorical",
            image_size=(side, side),
            batch_size=size,
            verbose=False,
        )
        patient = np.zeros((1, ENCODER.width), np.float32)
        return _timed(images.map(lambda x, y: ({"image": x, "patient": _rows(patient, x)}, y)))


def _rows(patient: np.ndarray, images: object) -> object:
    import tensorflow as tf

    return tf.repeat(patient, tf.shape(images)[0], axis=0)


def _timed(batches: Iterable) -> float:
    """Fit a network with augmentation, as the project's own fitting builds it."""
    network = build_of(CONFIG, ENCODER, task_of(CONFIG.task, []))
    settings = {name: getattr(CONFIG, name) for name in ("zoom", "colour", "downscale", "seed")}
    augmenter = build_augmenter(side=CONFIG.image_side, **settings)
    inputs = {name: keras.Input(x.shape[1:], name=name) for name, x in network.input.items()}
    outputs = network({**inputs, "image": augmenter(inputs["image"])})
    trainer, clock = keras.Model(inputs, outputs), Clock(CONFIG.batch_size)
    jit = keras.backend.backend() == "jax"
    trainer.compile(keras.optimizers.AdamW(), "categorical_crossentropy", jit_compile=jit)
    trainer.fit(batches, verbose=0, callbacks=[clock])
    return clock.images_per_s


class Clock(keras.callbacks.Callback):
    """Times the steps of an epoch after the first few."""

    def __init__(self, batch_size: int) -> None:
        """Take the rows of a step."""
        super().__init__()
        self.batch_size = batch_size
        self.images_per_s = 0.0

    def on_train_batch_end(self, step: int, logs: dict | None = None) -> None:
        """Start after the warming up, stop at the last step."""
        if step == WARM_UP - 1:
            float(logs["loss"])  # waits for the device
            self._start = time.perf_counter()
        elif step == self.params["steps"] - 1:
            float(logs["loss"])
            images = self.batch_size * (step + 1 - WARM_UP)
            self.images_per_s = images / (time.perf_counter() - self._start)


def training_batches(part: Part) -> TrainingBatches:
    """As the project's own fitting makes them."""
    return TrainingBatches(
        part.images,
        part.patients,
        part.labels,
        encoder=ENCODER,
        metadata_dropout_field=CONFIG.metadata_dropout_field,
        metadata_dropout_all=CONFIG.metadata_dropout_all,
        subsample_mask=part.small,
        subsample_share=1.0,
        seed=0,
        weights=np.ones(len(part.labels)),
        classes=CLASSES,
        batch_size=CONFIG.batch_size,
    )


def drawn_part(count: int) -> Part:
    """A few drawings under many numbers."""
    side = CONFIG.image_side
    drawings = [draw_lesion(n % CLASSES, seed=n, size=(side, side)) for n in range(64)]
    images = np.stack([np.asarray(drawings[n % 64]) for n in range(count)])
    patients = np.random.default_rng(0).normal(size=(count, ENCODER.width)).astype(np.float32)
    labels = np.arange(count) % CLASSES
    return Part(images, patients, labels, np.repeat("HAM", count), np.zeros(count, bool))


def _earlier(name: str) -> dict:
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _setting(device: str | None) -> dict:
    setting = {"backend": keras.backend.backend(), "backbone": CONFIG.backbone}
    setting |= {"side": CONFIG.image_side, "batch": CONFIG.batch_size}
    return setting | ({"device": device} if device else {})


if __name__ == "__main__":
    main()
