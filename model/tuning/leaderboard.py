"""All trials of a search in one table, the best first."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from isic_api.files import whole_file
from model.errors import SearchError
from model.tuning.trial_record import FAILED, FINISHED

LEADERBOARD_FILE = "leaderboard.csv"
ABOUT = (
    *("trial", "status", "objective", "best_epoch", "epochs", "trained_epochs", "seconds", "seed"),
    *("bracket", "round", "promoted_from", "worker", "starts", "ended", "error"),
)
"""Columns beside the settings.

epochs: of the training so far, with those of the trial that it was promoted from;
trained_epochs: its own.
ended: seconds from the start of the first trial.
"""


def leaderboard(records: Sequence[dict]) -> pd.DataFrame:
    """One row per trial: finished ones by objective, then those that run, then failed ones.

    The columns are those of ``ABOUT``, then the searched settings.
    """
    rows = [{name: r.get(name) for name in ABOUT} | r["settings"] for r in records]
    names = dict.fromkeys(name for record in records for name in record["settings"])
    table = pd.DataFrame(rows, columns=[*ABOUT, *names])
    began = min((r["ended"] - r["seconds"] for r in records if "ended" in r), default=0.0)
    table["ended"] = (table["ended"].astype(float) - began).round(1)
    place = table["status"].map({FINISHED: 0, FAILED: 2}).fillna(1)
    table = table.assign(place=place).sort_values(
        ["place", "objective", "trial"], ascending=[True, False, True], ignore_index=True
    )
    return table.drop(columns="place")


def write_leaderboard(table: pd.DataFrame, out: Path) -> Path:
    """Write the table to a search's folder, at once or not at all."""
    file = out / LEADERBOARD_FILE
    with whole_file(file) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
    return file


def best_record(records: Sequence[dict]) -> dict:
    """The finished trial with the highest objective; of equal ones the earliest.

    Raises:
        SearchError: no trial finished.
    """
    finished = [record for record in records if record["status"] == FINISHED]
    if not finished:
        failed = [record for record in records if record["status"] == FAILED]
        reason = f"The first said: {failed[0]['error']}" if failed else "None was begun."
        raise SearchError(
            f"no trial finished, {len(failed)} failed. {reason} Correct that, or the space, and "
            "give another --out."
        )
    return max(finished, key=lambda record: record["objective"])
