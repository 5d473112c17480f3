"""Data-parallel training on several devices, as far as the Keras backend can."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from model.errors import ConfigError
from model.training.settings import TrainConfig


@contextmanager
def on_devices(devices: str) -> Iterator[None]:
    """Build and train what is within on ``one`` device or on ``all``, each with a share of a batch.

    Weights are mirrored and gradients averaged: ``tf.distribute.MirroredStrategy`` under
    TensorFlow, ``keras.distribution.DataParallel`` under JAX.

    Raises:
        ConfigError: all devices under PyTorch, of which Keras uses one.
    """
    if devices == "one":
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy().scope():
            yield
    elif keras.backend.backend() == "jax":
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel())
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
    else:
        raise ConfigError(
            f"devices is {devices!r}, but Keras trains on one device under "
            f"{keras.backend.backend()}. Set it to one, or KERAS_BACKEND to tensorflow or jax."
        )


def device_count(config: TrainConfig) -> int:
    """Number of devices that share a batch, within :func:`on_devices`.

    Raises:
        ConfigError: the batch cannot be shared evenly.
    """
    if config.devices == "one":
        return 1
    count = len(keras.distribution.list_devices())
    if config.batch_size % count:
        raise ConfigError(
            f"batch_size is {config.batch_size}, which {count} devices cannot share evenly. Set it "
            f"to a multiple of {count}, or devices to one."
        )
    return count
