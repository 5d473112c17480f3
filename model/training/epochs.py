"""What an epoch sees depends on its number alone, so that resuming changes nothing."""

import keras
import numpy as np

from model.training.batches import TrainingBatches

_DRAWS = 2**20  # random numbers that a layer may draw in one epoch before the next one's begin


class NumberedEpochs(keras.callbacks.Callback):
    """Sets batches, augmentation and dropout to the epoch that begins.

    Keras restores weights after an interruption, but no random states. Pass ``shuffle=False`` to
    ``fit``, which otherwise shuffles the order of the batches by a random state of its own.
    """

    def __init__(self, batches: TrainingBatches) -> None:
        """Take the batches that are trained on."""
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the epoch's number."""
        self.batches.epoch = epoch
        for variable in self.model.non_trainable_variables:
            if variable.name == "seed_generator_state":  # (seed, numbers drawn so far)
                seed = keras.ops.convert_to_numpy(variable)[0]
                variable.assign(np.array([seed, epoch * _DRAWS % 2**31], variable.dtype))
