"""What a trial's training does beside an ordinary one's."""

import keras
import numpy as np

from model.errors import SearchError
from model.evaluation.metrics import mean_of_known, one_against_rest, roc_auc
from model.training.batches import LabelledBatches


class StopAtNan(keras.callbacks.Callback):
    """Ends a training whose loss is no longer a number, which no later epoch would mend."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Look at the epoch's loss.

        Raises:
            SearchError: it is NaN or infinite.
        """
        loss = (logs or {}).get("loss", 0.0)
        if not np.isfinite(loss):
            raise SearchError(f"the loss was {loss} in epoch {epoch + 1}. Lower learning_rate.")


class MacroAuc(keras.callbacks.Callback):
    """Adds val_macro_auc to an epoch's figures: the mean over classes of one against the rest."""

    def __init__(self, batches: LabelledBatches) -> None:
        """Take the validation batches, in their fixed order."""
        super().__init__()
        self.batches = batches

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Predict all batches and add the figure."""
        rows = self.model.predict(self.batches, verbose=0)
        logs["val_macro_auc"] = float(
            mean_of_known(one_against_rest(roc_auc, rows, self.batches.labels))
        )
