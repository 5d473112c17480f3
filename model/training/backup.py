"""Backups of a training of which a kill or a full disk never leaves a broken one."""

import json
import os
from pathlib import Path

import keras


class Backup(keras.callbacks.BackupAndRestore):
    """Writes each backup beside the one before and then exchanges them.

    Keras' own writes over the only one: whoever stops it then loses all epochs.
    """

    def _save_model(self) -> None:
        weights = Path(self._weights_path)
        weights.parent.mkdir(parents=True, exist_ok=True)
        partial = weights.with_name("next.weights.h5")
        metadata = Path(self._training_metadata_path)
        described = metadata.with_suffix(".part")
        place = {"epoch": self._current_epoch, "batch": self._last_batch_seen}
        try:
            self.model.save_weights(partial, overwrite=True)
            described.write_text(json.dumps(place), encoding="utf-8")
            os.replace(partial, weights)
            os.replace(described, metadata)
        finally:
            partial.unlink(missing_ok=True)
