"""The device that Keras' backend computes on, and how fast it multiplies matrices."""

import time

import keras
import numpy as np
from keras import ops

_SIDES = {True: 8192, False: 2048}  # of the matrices, on a GPU and on a CPU


def device_name() -> str | None:
    """The GPU's name as the backend gives it; None without one."""
    return _NAMES[keras.backend.backend()]()


def matrix_tflops(dtype: str, *, rounds: int = 10) -> float:
    """10^12 additions and multiplications a second in products of large square matrices."""
    side = _SIDES[device_name() is not None]
    numbers = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    matrix = ops.cast(ops.convert_to_tensor(numbers / side**0.5), dtype)
    _wait(product := ops.matmul(matrix, matrix))
    start = time.perf_counter()
    for _ in range(rounds):
        product = ops.matmul(matrix, product)
    _wait(product)
    return 2 * side**3 * rounds / (time.perf_counter() - start) / 1e12


def _wait(tensor: object) -> None:
    """Until the device has computed it: one number is fetched."""
    float(ops.convert_to_numpy(ops.cast(tensor[0, 0], "float32")))


def _tensorflow() -> str | None:
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(found[0])["device_name"] if found else None


def _jax() -> str | None:
    import jax

    first = jax.devices()[0]
    return None if first.platform == "cpu" else first.device_kind


def _torch() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


_NAMES = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
