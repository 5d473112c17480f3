"""The validation figure that early stopping, the plateau schedule and the kept weights follow."""

import pandas as pd

MONITORS = {"val_balanced_accuracy": "max", "val_accuracy": "max", "val_loss": "min"}
"""By the history's column: whether more or less of it is better."""


def best_row(history: pd.DataFrame, monitor: str) -> int:
    """Index label of the history's row with the best figure, the first of equal ones."""
    values = history[monitor].astype(float)
    return int(values.idxmax() if MONITORS[monitor] == "max" else values.idxmin())
