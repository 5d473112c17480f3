"""Where a search stands: all trials in one table, the best first, and a line per trial."""

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


def progress_line(
    records: Sequence[dict], trial: str, *, trials: int, epochs: int, rounds: tuple[int, ...] = ()
) -> str:
    """Describe a trial that ended, the best so far and the time left.

    Args:
        records: of all trials, as :func:`model.tuning.trial_record.read_records` gives them.
        trial: name of the one that ended.
        trials: planned in all.
        epochs: planned in all, over all trials.
        rounds: of each of hyperband's brackets, in the order they are run.
    """
    ended = [record for record in records if record["status"] in (FINISHED, FAILED)]
    last = next(record for record in ended if record["trial"] == trial)
    parts = [*_place(last, rounds), f"trial {len(ended)} of {trials}: {_result(last)}"]
    finished = [record for record in ended if record["status"] == FINISHED]
    if finished:
        best = max(finished, key=lambda record: record["objective"])
        parts.append(f"best so far {best['objective']:.3f} (trial {best['trial']})")
    if len(finished) < len(ended):
        parts.append(f"{len(ended) - len(finished)} failed")
    return "; ".join([*parts, _time_left(finished, epochs)])


def _place(record: dict, rounds: tuple[int, ...]) -> list[str]:
    if record["bracket"] is None:
        return []
    # Numbered by how often trials are sifted; a bracket of number n has n + 1 rounds.
    brackets = max(rounds, default=record["bracket"] + 1)
    bracket = f"bracket {brackets - record['bracket']} of {brackets}"
    return [bracket, f"round {record['round'] + 1} of {record['bracket'] + 1}"]


def _result(record: dict) -> str:
    return "failed" if record["status"] == FAILED else f"{record['objective']:.3f}"


def _time_left(finished: Sequence[dict], epochs: int) -> str:
    done = sum(record["trained_epochs"] for record in finished)
    if not done:
        return "time left unknown"
    workers = len({record["worker"] for record in finished})
    pace = sum(record["seconds"] for record in finished) / done / workers
    return f"{duration(pace * max(0, epochs - done))} left"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
