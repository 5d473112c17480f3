"""A few steps of training on drawn arrays, on one device and on two, in a process of its own.

python -m tests.model.training.fit_steps FOLDER

Keras' backend is that of KERAS_BACKEND; the two devices are halves of the CPU. Weights start from
the same numbers with any backend, and nothing is drawn that a backend draws: no augmentation, no
dropout. Writes FOLDER/one/weights.npz and FOLDER/two/weights.npz, and each training's history.
"""

import os
import sys
from pathlib import Path

DEVICES = "--xla_force_host_platform_device_count=2"
FAST = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"  # to compile
os.environ["XLA_FLAGS"] = f"{DEVICES} {FAST}"  # read by JAX on import

import keras
import numpy as np

from model.patient import Patient, PatientEncoder
from model.tasks import task_of
from model.training.batches import Part
from model.training.devices import on_devices
from model.training.fit import fit
from model.training.settings import TrainConfig
from model.training.train import build_of

ENCODER = PatientEncoder.fit([Patient(age=20.0), Patient(age=50.0), Patient(age=80.0)])
SETTINGS = {
    **{"backbone": "cnn_2block", "weights": "none", "image_side": 32, "fusion": "film"},
    **{"dropout": 0.0, "optimiser": "sgd", "schedule": "constant", "learning_rate": 0.01},
    **{"batch_size": 8, "epochs": 1, "keep": "last"},
}


def halve_the_cpu():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        half = tf.config.LogicalDeviceConfiguration()
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [half, half])
    assert len(keras.distribution.list_devices()) == 2


def part_of(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    patients = rng.normal(size=(count, ENCODER.width)).astype(np.float32)
    labels = np.arange(count) % 8
    return Part(images, patients, labels, np.repeat("HAM", count), np.zeros(count, bool))


def steps(folder, *, devices):
    """Two steps of eight rows."""
    config = TrainConfig(**SETTINGS, devices=devices)
    rng = np.random.default_rng(1)
    learned, held_out = part_of(16, 0), part_of(12, 1)
    with on_devices(devices):
        network = build_of(config, ENCODER, task_of("isic2019", []))
        network.set_weights([rng.normal(0, 0.1, w.shape) for w in network.get_weights()])
        fit(network, learned, held_out, ENCODER, config, out=folder, augment=False)
    np.savez(folder / "weights.npz", *network.get_weights())


if __name__ == "__main__":
    halve_the_cpu()
    folders = {name: Path(sys.argv[1]) / name for name in ("one", "two")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    steps(folders["one"], devices="one")
    steps(folders["two"], devices="all")
