"""Images a second into training: the cache beside decoding every image anew each epoch.

    python benchmarks/feed.py
    python benchmarks/feed.py --data DIR --many 25331

Three ways in turn over the same drawn 600 x 450 JPEGs, augmentation off in all: this project's
batches, Keras' ImageDataGenerator.flow_from_dataframe, and a plain tf.data pipeline. Then the
memory that building a cache and one epoch of it take: at 160 px for the images of DIR, and at
224 px for as many entries as ``--many`` says. Expect two minutes for the first line, and a table
like the one saved in benchmarks/feed.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.measuring import OwnMemory, machine, save

SIDE, BATCH, CLASSES = 160, 32, 8


def main() -> None:
    """Measure, print and save."""
    options = parse()
    if options.memory:
        print(json.dumps(memory_of_feeding(*options.memory, options.cache)))
        return
    report = machine() | {"side": SIDE, "batch": BATCH}
    with tempfile.TemporaryDirectory() as scratch:
        paths = draw_photographs(Path(scratch) / "images", options.images)
        report["images"] = len(paths)
        report["image_bytes"] = round(np.mean([path.stat().st_size for path in paths]))
        report |= compare(paths, Path(scratch), options.rounds)
        if options.data:
            report["memory_of_data"] = measured_apart(options.data, SIDE, 0, scratch)
        if options.many:
            report["memory_of_many"] = measured_apart(paths[0].parent, 224, options.many, scratch)
    save("feed", report)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5, help="of all three ways, in turn")
    parser.add_argument("--data", type=Path, help="data folder whose memory is reported")
    parser.add_argument("--many", type=int, default=0, help="entries whose memory is reported")
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def draw_photographs(folder: Path, count: int) -> list[Path]:
    """Write JPEGs of 600 x 450 pixels."""
    from tests.drawings import draw_lesion

    folder.mkdir()
    for number in range(count):
        image = draw_lesion(number % CLASSES, seed=number, size=(600, 450))
        image.save(folder / f"{number:05}.jpg", quality=92)
    return sorted(folder.iterdir())


def compare(paths: list[Path], scratch: Path, rounds: int) -> dict:
    """Images a second of each way, round by round, and the ratios of the medians."""
    import model.training.batches  # noqa: F401  Keras loads before the clock runs

    labels = np.arange(len(paths)) % CLASSES
    start = time.perf_counter()
    ours = our_batches(paths, labels, SIDE, scratch / "cache")
    build = time.perf_counter() - start
    ways: dict[str, Callable[[], Iterable]] = {
        "cache": lambda: as_tensors(ours[number] for number in range(len(ours))),
        "flow_from_dataframe": flow_from_dataframe(paths, labels),
        "tf_data": tf_data(paths, labels),
    }
    seconds = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, epoch in ways.items():
            start = time.perf_counter()
            seen = sum(len(images) for images, _ in epoch())
            assert seen == len(paths), name
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    speed = {f"{n}_images_per_s": [round(len(paths) / s) for s in seconds[n]] for n in ways}
    middle = {name: median(speed[f"{name}_images_per_s"]) for name in ways}
    ratios = {
        f"cache_to_{name}": round(middle["cache"] / middle[name], 1)
        for name in ("flow_from_dataframe", "tf_data")
    }
    return {"build_cache_s": round(build, 2), **speed, **ratios}


def our_batches(paths: list[Path], labels: np.ndarray, side: int, cache: Path) -> Iterable:
    """The project's own training batches, shuffled, with patients."""
    from model.data.cache import cached_images
    from model.image import ImagePreprocessor
    from model.patient import Patient, PatientEncoder
    from model.training.batches import TrainingBatches

    encoder = PatientEncoder.fit([Patient(age=50.0)])
    return TrainingBatches(
        cached_images(paths, ImagePreprocessor(side), cache_dir=cache),
        encoder.encode([Patient(age=60.0, sex="male", site="head/neck")] * len(paths)),
        labels,
        encoder=encoder,
        metadata_dropout_field=0.1,
        metadata_dropout_all=0.2,
        subsample_mask=np.zeros(len(paths), bool),
        subsample_share=1.0,
        seed=0,
        weights=np.ones(len(paths)),
        classes=CLASSES,
        batch_size=BATCH,
    )


def as_tensors(batches: Iterable) -> Iterator[tuple]:
    """Images and labels of each batch, where the network takes them."""
    import keras

    for inputs, labels, *_ in batches:
        images = inputs["image"] if isinstance(inputs, dict) else inputs
        yield keras.ops.convert_to_tensor(images), labels


def flow_from_dataframe(paths: list[Path], labels: np.ndarray) -> Callable[[], Iterable]:
    """The usual way: decode and resize in every epoch."""
    import pandas as pd
    import tensorflow as tf

    table = pd.DataFrame({"filename": [str(path) for path in paths], "class": labels.astype(str)})
    generator = tf.keras.preprocessing.image.ImageDataGenerator()
    size = {"target_size": (SIDE, SIDE), "batch_size": BATCH}
    flow = generator.flow_from_dataframe(table, shuffle=True, **size)
    return lambda: as_tensors(flow[number] for number in range(len(flow)))


def tf_data(paths: list[Path], labels: np.ndarray) -> Callable[[], Iterable]:
    """A plain tf.data pipeline that decodes in every epoch, in parallel."""
    import tensorflow as tf

    def decode(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, (SIDE, SIDE)), tf.one_hot(label, CLASSES)

    names = [str(path) for path in paths]
    data = tf.data.Dataset.from_tensor_slices((names, labels)).shuffle(len(paths))
    data = data.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    data = data.batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return lambda: data


def measured_apart(folder: Path, side: int, entries: int, scratch: str) -> dict:
    """Run :func:`memory_of_feeding` in a process of its own."""
    words = ["--memory", str(folder), str(side), str(entries), "--cache", f"{scratch}/{side}"]
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def memory_of_feeding(folder: str, side: str, entries: str, cache: Path) -> dict:
    """Build a cache, take one epoch of batches from it, and watch the process' own memory.

    Pages of the mapped file are not the process' own: the system drops them when it needs room.
    """
    found = sorted(Path(folder).rglob("*.jpg"))
    paths = [found[n % len(found)] for n in range(int(entries) or len(found))]
    with OwnMemory() as building:
        start = time.perf_counter()
        batches = our_batches(paths, np.arange(len(paths)) % CLASSES, int(side), cache)
        seconds = time.perf_counter() - start
    with OwnMemory() as feeding:
        start = time.perf_counter()
        for number in range(len(batches)):
            batches[number]
        epoch = time.perf_counter() - start
    return {
        "images": len(paths),
        "side": int(side),
        "cache_gb": round(batches.images.nbytes / 1e9, 2),
        "build_s": round(seconds, 1),
        "epoch_s": round(epoch, 1),
        "build_own_memory_mb": building.highest,
        "epoch_own_memory_mb": feeding.highest,
    }


if __name__ == "__main__":
    main()
